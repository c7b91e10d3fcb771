-- Comparisons with the control by the report's formulas, from readers added up in any cut: a list of structs experiment_id, epoch, variant_id, n, x, s1, s2 (readers, those with more than 0, sum, sum of squares). metric says how they are read; is_registered divides alpha among the variants, as the report does for what was registered.
CREATE MACRO compare_sums(sums, metric := 'conversion', is_registered := false) AS TABLE
WITH given AS (
    SELECT
        g.experiment_id,
        g.epoch,
        g.variant_id,
        g.n::DOUBLE AS n,
        g.x::DOUBLE AS x,
        CASE metric WHEN 'conversion' THEN g.x ELSE g.s1 END::DOUBLE AS s1,
        CASE metric WHEN 'conversion' THEN g.x ELSE g.s2 END::DOUBLE AS s2
    FROM (SELECT unnest(sums) AS g)
),
pairs AS (
    SELECT
        v.experiment_id,
        v.variant_id,
        e.control_id,
        e.smallest_effect,
        CASE
            WHEN is_registered AND e.primary_metric = metric
                THEN e.alpha / (SELECT count(*) - 1 FROM variants AS o WHERE o.experiment_id = e.experiment_id)
            ELSE e.alpha
        END AS alpha
    FROM experiments AS e
    JOIN variants AS v ON v.experiment_id = e.experiment_id AND v.variant_id <> e.control_id
    WHERE e.experiment_id IN (SELECT w.experiment_id FROM given AS w)
),
strata AS (
    SELECT
        p.experiment_id,
        p.variant_id,
        a.n AS na, a.x AS xa, a.s1 AS s1a, (a.s2 - a.s1 * a.s1 / a.n) / nullif(a.n - 1, 0) / a.n AS va,
        b.n AS nb, b.x AS xb, b.s1 AS s1b, (b.s2 - b.s1 * b.s1 / b.n) / nullif(b.n - 1, 0) / b.n AS vb,
        a.n * b.n / (a.n + b.n) AS w,
        ln(pb.share) - ln(pa.share) AS logit
    FROM pairs AS p
    JOIN given AS a ON a.experiment_id = p.experiment_id AND a.variant_id = p.control_id
    JOIN given AS b ON b.experiment_id = p.experiment_id AND b.variant_id = p.variant_id AND b.epoch = a.epoch AND a.n > 0 AND b.n > 0
    JOIN allocations AS pa ON pa.experiment_id = p.experiment_id AND pa.epoch = a.epoch AND pa.variant_id = a.variant_id
    JOIN allocations AS pb ON pb.experiment_id = p.experiment_id AND pb.epoch = b.epoch AND pb.variant_id = b.variant_id
),
pooled AS (
    SELECT
        t.experiment_id,
        t.variant_id,
        list({'xa': t.xa, 'xb': t.xb, 'logit': t.logit}) AS epochs,
        sum(t.s1a * t.nb / (t.na + t.nb)) / sum(t.w) AS mean_a,
        sum(t.s1b * t.na / (t.na + t.nb)) / sum(t.w) AS mean_b,
        sum(t.w) AS w,
        sum(((t.xa + t.xb) * t.w - t.xa * t.xb) / (t.na + t.nb)) AS binary_spread,
        CASE WHEN bool_and(t.va IS NOT NULL) THEN sum(t.w * t.w * t.va) END AS spread_a,
        CASE WHEN bool_and(t.vb IS NOT NULL) THEN sum(t.w * t.w * t.vb) END AS spread_b
    FROM strata AS t
    GROUP BY t.experiment_id, t.variant_id
),
totals AS (
    SELECT u.experiment_id, u.variant_id, sum(u.n) AS n, sum(u.x) AS x
    FROM given AS u
    GROUP BY u.experiment_id, u.variant_id
),
measured AS (
    SELECT
        p.experiment_id,
        p.variant_id,
        p.control_id,
        p.smallest_effect,
        p.alpha,
        coalesce(ta.n, 0) AS na,
        coalesce(ta.x, 0) AS xa,
        coalesce(tb.n, 0) AS nb,
        coalesce(tb.x, 0) AS xb,
        q.epochs,
        q.mean_a,
        q.mean_b,
        CASE WHEN q.mean_a > 0 AND q.mean_b > 0 THEN ln(q.mean_b) - ln(q.mean_a) END AS log_ratio,
        CASE
            WHEN q.mean_a <= 0 OR q.mean_b <= 0 THEN NULL
            WHEN metric = 'conversion' THEN sqrt(q.binary_spread / (q.mean_a * q.mean_b * q.w * q.w))
            ELSE sqrt(q.spread_a / (q.w * q.mean_a) ** 2 + q.spread_b / (q.w * q.mean_b) ** 2)
        END AS se,
        CASE WHEN metric = 'conversion' THEN epochs_log_evidence(q.epochs, p.smallest_effect, false) END AS log_evidence
    FROM pairs AS p
    LEFT JOIN pooled AS q ON q.experiment_id = p.experiment_id AND q.variant_id = p.variant_id
    LEFT JOIN totals AS ta ON ta.experiment_id = p.experiment_id AND ta.variant_id = p.control_id
    LEFT JOIN totals AS tb ON tb.experiment_id = p.experiment_id AND tb.variant_id = p.variant_id
),
reasoned AS (
    SELECT
        m.*,
        -- The first that holds, as in analysis/inference/estimates.py.
        CASE
            -- After retention and an erasure, readers are no longer kept apart (docs/analysts.md).
            WHEN m.epochs IS NULL
                AND m.experiment_id IN (SELECT f.experiment_id FROM sufficient_statistics AS f)
                AND m.experiment_id NOT IN (SELECT h.experiment_id FROM cohorts AS h)
                THEN 'not_kept'
            WHEN m.epochs IS NULL THEN 'no_exposure'
            WHEN m.mean_a < 0 OR m.mean_b < 0 THEN 'negative_mean'
            WHEN m.mean_a = 0 AND m.mean_b = 0 THEN 'no_conversions_yet'
            WHEN m.mean_a = 0 THEN CASE metric WHEN 'conversion' THEN 'no_conversion_in_control' ELSE 'control_mean_zero' END
            WHEN m.mean_b = 0 THEN CASE metric WHEN 'conversion' THEN 'no_conversion_in_variant' ELSE 'variant_mean_zero' END
            WHEN metric <> 'conversion' AND m.se IS NULL THEN 'no_spread'
            WHEN metric <> 'conversion' AND (m.xa < 25 OR m.xb < 25) THEN 'too_few_gifts'
            WHEN NOT m.se > 0 THEN 'no_variation'
        END AS reason
    FROM measured AS m
)
SELECT
    r.variant_id,
    r.control_id,
    r.na::BIGINT AS n_control,
    r.nb::BIGINT AS n,
    r.xa::BIGINT AS x_control,
    r.xb::BIGINT AS x,
    r.mean_a AS mean_control,
    r.mean_b AS mean,
    exp(r.log_ratio) - 1 AS lift,
    CASE
        WHEN metric <> 'conversion' THEN
            CASE WHEN r.reason IS NULL THEN mean_anytime_low(r.log_ratio, r.se, 1 - r.alpha, r.smallest_effect) END
        WHEN r.xb > 0 THEN exp(epochs_log_limit(r.epochs, r.xa, r.xb, r.log_evidence, 1 - r.alpha, -1)) - 1
    END AS low,
    CASE
        WHEN metric <> 'conversion' THEN
            CASE WHEN r.reason IS NULL THEN mean_anytime_high(r.log_ratio, r.se, 1 - r.alpha, r.smallest_effect) END
        WHEN r.xa > 0 THEN exp(epochs_log_limit(r.epochs, r.xa, r.xb, r.log_evidence, 1 - r.alpha, 1)) - 1
    END AS high,
    CASE
        WHEN metric = 'conversion' THEN capped_exp(r.log_evidence - epochs_log_likelihood(r.epochs, 0))
        WHEN r.reason IS NULL THEN capped_exp(mean_log_e(r.log_ratio, r.se, r.smallest_effect))
    END AS e_value,
    r.reason
FROM reasoned AS r
ORDER BY r.variant_id

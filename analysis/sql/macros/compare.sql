-- Any cut of the readers, compared from reader_outcomes by the report's formulas: compare('thanks', metric := 'value', device := 'mobile', from_day := DATE '2026-10-08'). metric is conversion, value or value_uncapped.
CREATE MACRO compare(
    experiment,
    metric := 'conversion',
    device := NULL,
    reader_type := NULL,
    from_day := NULL,
    to_day := NULL
) AS TABLE
WITH amounts AS (
    SELECT
        o.experiment_id,
        o.variant_id,
        a.epoch,
        o.is_converted,
        CASE metric
            WHEN 'conversion' THEN o.is_converted::INTEGER
            WHEN 'value' THEN o.value_minor
            WHEN 'value_uncapped' THEN o.value_uncapped_minor
            ELSE error('metric must be conversion, value or value_uncapped')
        END::HUGEINT AS amount
    FROM (SELECT experiment AS id) AS wanted
    -- Asked twice: a literal narrows the scan; a column of the caller's, which may bind to this very table, does no harm.
    JOIN (SELECT * FROM reader_outcomes AS r WHERE r.experiment_id = experiment) AS o ON o.experiment_id = wanted.id
    JOIN allocations AS a
        ON a.experiment_id = o.experiment_id AND a.variant_id = o.variant_id
        AND o.first_exposed_at >= a.starts_at AND o.first_exposed_at < a.ends_at
    WHERE (device IS NULL OR o.device = device)
        AND (reader_type IS NULL OR o.reader_type = reader_type)
        AND (from_day IS NULL OR o.first_day >= from_day)
        AND (to_day IS NULL OR o.first_day <= to_day)
),
sums AS (
    SELECT
        experiment_id,
        epoch,
        variant_id,
        count(*)::DOUBLE AS n,
        count_if(amount > 0)::DOUBLE AS x,
        sum(amount)::DOUBLE AS s1,
        sum(amount * amount)::DOUBLE AS s2
    FROM amounts
    GROUP BY experiment_id, epoch, variant_id
),
plan AS (
    SELECT
        e.experiment_id,
        e.control_id,
        e.smallest_effect,
        CASE
            WHEN e.primary_metric = metric AND device IS NULL AND reader_type IS NULL AND from_day IS NULL AND to_day IS NULL
                THEN e.alpha / (SELECT count(*) - 1 FROM variants AS v WHERE v.experiment_id = e.experiment_id)
            ELSE e.alpha
        END AS alpha
    FROM experiments AS e
),
strata AS (
    SELECT
        b.experiment_id,
        b.variant_id,
        a.n AS na, a.x AS xa, a.s1 AS s1a, (a.s2 - a.s1 * a.s1 / a.n) / (a.n - 1) / a.n AS va,
        b.n AS nb, b.x AS xb, b.s1 AS s1b, (b.s2 - b.s1 * b.s1 / b.n) / (b.n - 1) / b.n AS vb,
        a.n * b.n / (a.n + b.n) AS w,
        pb.share / (pa.share + pb.share) AS rho
    FROM sums AS a
    JOIN plan AS p ON p.experiment_id = a.experiment_id AND p.control_id = a.variant_id
    JOIN sums AS b ON b.experiment_id = a.experiment_id AND b.epoch = a.epoch AND b.variant_id <> a.variant_id
    JOIN allocations AS pa ON pa.experiment_id = a.experiment_id AND pa.epoch = a.epoch AND pa.variant_id = a.variant_id
    JOIN allocations AS pb ON pb.experiment_id = a.experiment_id AND pb.epoch = b.epoch AND pb.variant_id = b.variant_id
),
pooled AS (
    SELECT
        t.experiment_id,
        t.variant_id,
        count(*) AS epochs,
        sum(t.na) AS na, sum(t.xa) AS xa, sum(t.nb) AS nb, sum(t.xb) AS xb,
        any_value(t.rho) AS rho,
        sum(t.s1a * t.nb / (t.na + t.nb)) / sum(t.w) AS mean_a,
        sum(t.s1b * t.na / (t.na + t.nb)) / sum(t.w) AS mean_b,
        sum(t.w) AS w,
        sum(((t.xa + t.xb) * t.w - t.xa * t.xb) / (t.na + t.nb)) AS binary_spread,
        sum(t.w * t.w * t.va) AS spread_a,
        sum(t.w * t.w * t.vb) AS spread_b
    FROM strata AS t
    GROUP BY t.experiment_id, t.variant_id
),
measured AS (
    SELECT
        q.experiment_id,
        q.variant_id,
        q.epochs,
        q.na, q.xa, q.nb, q.xb, q.rho, q.mean_a, q.mean_b,
        CASE WHEN q.mean_a > 0 AND q.mean_b > 0 THEN ln(q.mean_b) - ln(q.mean_a) END AS log_ratio,
        CASE
            WHEN q.mean_a <= 0 OR q.mean_b <= 0 THEN NULL
            WHEN metric = 'conversion' THEN sqrt(q.binary_spread / (q.mean_a * q.mean_b * q.w * q.w))
            WHEN q.xa < 25 OR q.xb < 25 THEN NULL
            ELSE sqrt(q.spread_a / (q.w * q.mean_a) ** 2 + q.spread_b / (q.w * q.mean_b) ** 2)
        END AS se
    FROM pooled AS q
)
SELECT
    m.variant_id,
    p.control_id,
    m.na::BIGINT AS n_control,
    m.nb::BIGINT AS n,
    m.xa::BIGINT AS x_control,
    m.xb::BIGINT AS x,
    m.mean_a AS mean_control,
    m.mean_b AS mean,
    exp(m.log_ratio) - 1 AS lift,
    CASE
        WHEN metric <> 'conversion' THEN mean_anytime_low(m.log_ratio, m.se, 1 - p.alpha, p.smallest_effect)
        WHEN m.epochs = 1 THEN conversion_anytime_low(m.xa, m.xb, m.rho, 1 - p.alpha, p.smallest_effect)
    END AS low,
    CASE
        WHEN metric <> 'conversion' THEN mean_anytime_high(m.log_ratio, m.se, 1 - p.alpha, p.smallest_effect)
        WHEN m.epochs = 1 THEN conversion_anytime_high(m.xa, m.xb, m.rho, 1 - p.alpha, p.smallest_effect)
    END AS high,
    exp(CASE
        WHEN metric <> 'conversion' THEN mean_log_e(m.log_ratio, m.se, p.smallest_effect)
        WHEN m.epochs = 1 THEN conversion_log_e(m.xa, m.xb, m.rho, p.smallest_effect)
    END) AS e_value,
    CASE
        WHEN metric = 'conversion' AND m.epochs > 1 THEN 'several_epochs'
        WHEN m.log_ratio IS NULL THEN 'no_conversions_on_a_side'
        WHEN m.se IS NULL THEN 'too_few_gifts'
    END AS reason
FROM measured AS m
JOIN plan AS p ON p.experiment_id = m.experiment_id
ORDER BY m.variant_id

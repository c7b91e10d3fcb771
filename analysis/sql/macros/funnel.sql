-- Readers of each variant by step, with their share of the readers asked and of the step before: funnel('thanks').
CREATE MACRO funnel(experiment) AS TABLE
WITH steps AS (
    SELECT f.variant_id, f.step, f.readers,
        list_position(['eligible', 'inserted', 'viewed', 'expanded', 'clicked', 'checkout_started', 'contributed'], f.step) AS place
    FROM (SELECT known_experiment(experiment) AS id) AS wanted
    JOIN funnel AS f ON f.experiment_id = wanted.id
),
asked AS (
    SELECT r.variant_id, r.n
    FROM (SELECT known_experiment(experiment) AS id) AS wanted
    JOIN variant_results AS r ON r.experiment_id = wanted.id
    WHERE r.basis = 'exposed' AND r.segment_kind = 'all' AND r.metric = 'conversion'
    QUALIFY r.as_of = max(r.as_of) OVER ()
)
SELECT
    s.variant_id,
    s.step,
    s.readers,
    s.readers / nullif(a.n, 0) AS share_of_asked,
    CASE WHEN s.place IS NOT NULL THEN
        s.readers / nullif(lag(s.readers) OVER (PARTITION BY s.variant_id, s.place IS NULL ORDER BY s.place), 0)
    END AS share_of_step_before
FROM steps AS s
LEFT JOIN asked AS a ON a.variant_id = s.variant_id
ORDER BY s.variant_id, s.place NULLS LAST, s.step

-- Day by day and variant: readers first asked, contributors and settled value (minor units) gained that day, and their totals so far: daily('thanks').
CREATE MACRO daily(experiment) AS TABLE
WITH sums AS (
    SELECT
        s.as_of,
        s.variant_id,
        (sum(s.n) FILTER (s.metric = 'conversion'))::BIGINT AS readers_so_far,
        (sum(s.x) FILTER (s.metric = 'conversion'))::BIGINT AS contributors_so_far,
        sum(s.s1) FILTER (s.metric = 'value') AS value_so_far_minor
    FROM (SELECT known_experiment(experiment) AS id) AS wanted
    JOIN sufficient_statistics AS s ON s.experiment_id = wanted.id
    WHERE s.basis = 'exposed' AND s.segment_kind = 'all'
        AND s.metric IN ('conversion', 'value')
    GROUP BY s.as_of, s.variant_id
)
SELECT
    m.as_of AS day,
    m.variant_id,
    m.readers_so_far - coalesce(lag(m.readers_so_far) OVER days, 0) AS readers,
    m.contributors_so_far - coalesce(lag(m.contributors_so_far) OVER days, 0) AS contributors,
    m.value_so_far_minor - coalesce(lag(m.value_so_far_minor) OVER days, 0) AS value_minor,
    m.readers_so_far,
    m.contributors_so_far,
    m.value_so_far_minor
FROM sums AS m
WINDOW days AS (PARTITION BY m.variant_id ORDER BY m.as_of)
ORDER BY m.as_of, m.variant_id

-- Conversion of each variant on the last day, per 100,000 readers, with its Wilson limits; "by" cuts it by segment: conversion('thanks', by := 'device').
CREATE MACRO conversion(experiment, "by" := 'all') AS TABLE
SELECT
    r.variant_id,
    r.segment,
    r.n AS readers,
    r.x AS contributors,
    r.x / nullif(r.n, 0) * 100000 AS per_100000,
    wilson_low(r.x, r.n) * 100000 AS low,
    wilson_high(r.x, r.n) * 100000 AS high,
    r.as_of
FROM (SELECT known_experiment(experiment) AS id) AS wanted
JOIN variant_results AS r ON r.experiment_id = wanted.id
WHERE r.basis = 'exposed' AND r.metric = 'conversion' AND r.segment_kind = CASE
        WHEN "by" IN ('all', 'device', 'reader_type') THEN "by" ELSE error('by must be all, device or reader_type')
    END
QUALIFY r.as_of = max(r.as_of) OVER ()
ORDER BY r.segment, r.variant_id

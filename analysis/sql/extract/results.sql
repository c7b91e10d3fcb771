-- Results of the last day of each experiment with the largest value of one reader beside them. Grain: experiment, cut, metric, variant.
-- Reads: variant_results, sufficient_statistics. Parameters: $metrics.
SELECT
    r.experiment_id, r.as_of, r.segment_kind, r.segment, r.metric, r.variant_id, r.is_control, r.n, r.x, r.mean, r.se,
    r.rate_low, r.rate_high, r.reason, s.top, s.s1
FROM variant_results AS r
JOIN (
    SELECT experiment_id, as_of, basis, segment_kind, segment, metric, variant_id, max(top) AS top, sum(s1) AS s1
    FROM sufficient_statistics GROUP BY ALL
) AS s USING (experiment_id, as_of, basis, segment_kind, segment, metric, variant_id)
WHERE r.basis = 'exposed' AND list_contains($metrics, r.metric)
QUALIFY r.as_of = max(r.as_of) OVER (PARTITION BY r.experiment_id)
ORDER BY ALL

-- Comparisons of every day. Grain: day, variant. Reads: estimates. Parameters: $experiment, $metric.
SELECT * FROM estimates AS e
WHERE e.experiment_id = $experiment AND e.metric = $metric AND e.basis = 'exposed' AND e.segment_kind = 'all'
ORDER BY e.as_of, e.variant_id

-- Comparisons by segment on the last day. Grain: segment, variant. Reads: estimates. Parameters: $experiment, $metric.
SELECT * FROM estimates AS e
WHERE e.experiment_id = $experiment AND e.metric = $metric AND e.basis = 'exposed' AND e.segment_kind <> 'all'
QUALIFY e.as_of = max(e.as_of) OVER ()
ORDER BY e.segment_kind, e.segment, e.variant_id

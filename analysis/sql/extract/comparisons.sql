-- Comparisons of the last day of each experiment. Grain: experiment, cut, metric, variant. Reads: estimates. Parameters: $metrics.
SELECT
    e.experiment_id, e.as_of, e.segment_kind, e.segment, e.metric, e.variant_id, e.control_id, e.lift, e.anytime_low,
    e.anytime_high, e.e_value, e.chance_better, e.reason
FROM estimates AS e
WHERE e.basis = 'exposed' AND list_contains($metrics, e.metric)
QUALIFY e.as_of = max(e.as_of) OVER (PARTITION BY e.experiment_id)
ORDER BY ALL

-- Verdicts. Grain: experiment. Reads: decisions.
SELECT
    experiment_id, as_of, verdict, variant_id, basis, array_to_string(reasons, ' ') AS reasons, n_days, proven_at
FROM decisions
ORDER BY 1

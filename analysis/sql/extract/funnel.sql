-- Readers by step. Grain: experiment, variant, step. Reads: funnel.
SELECT
    experiment_id, as_of, variant_id, step, readers
FROM funnel
ORDER BY ALL

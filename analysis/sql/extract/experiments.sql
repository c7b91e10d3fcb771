-- Experiments as registered, without their owners. Grain: experiment. Reads: experiments.
SELECT
    experiment_id, name, hypothesis, surface, placement, control_id, exposure, primary_metric, starts, planned_end, counted_to, window_hours, smallest_effect, alpha, loss_threshold
FROM experiments
ORDER BY 1

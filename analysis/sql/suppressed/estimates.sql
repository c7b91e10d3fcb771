-- Comparisons of an edition without what one reader gave. Grain and columns as before. Reads: kept.
-- A row in whose cut either side has one giver keeps its counts alone: from any other figure the mean would follow.
SELECT
    * EXCLUDE (is_told) REPLACE (
        CASE WHEN NOT is_told THEN mean_control END AS mean_control,
        CASE WHEN NOT is_told THEN mean END AS mean,
        CASE WHEN NOT is_told THEN n_effective_control END AS n_effective_control,
        CASE WHEN NOT is_told THEN n_effective END AS n_effective,
        CASE WHEN NOT is_told THEN log_ratio END AS log_ratio,
        CASE WHEN NOT is_told THEN se END AS se,
        CASE WHEN NOT is_told THEN lift END AS lift,
        CASE WHEN NOT is_told THEN fixed_low END AS fixed_low,
        CASE WHEN NOT is_told THEN fixed_high END AS fixed_high,
        CASE WHEN NOT is_told THEN fixed_p END AS fixed_p,
        CASE WHEN NOT is_told THEN anytime_low END AS anytime_low,
        CASE WHEN NOT is_told THEN anytime_high END AS anytime_high,
        CASE WHEN NOT is_told THEN log_e END AS log_e,
        CASE WHEN NOT is_told THEN e_value END AS e_value,
        CASE WHEN NOT is_told THEN planned_share END AS planned_share,
        CASE WHEN NOT is_told THEN planned_bound END AS planned_bound,
        CASE WHEN NOT is_told THEN planned_low END AS planned_low,
        CASE WHEN NOT is_told THEN planned_high END AS planned_high,
        CASE WHEN NOT is_told THEN difference_per_1000 END AS difference_per_1000,
        CASE WHEN NOT is_told THEN difference_low END AS difference_low,
        CASE WHEN NOT is_told THEN difference_high END AS difference_high,
        CASE WHEN NOT is_told THEN difference_fixed_low END AS difference_fixed_low,
        CASE WHEN NOT is_told THEN difference_fixed_high END AS difference_fixed_high,
        CASE WHEN NOT is_told THEN shrunk_log_ratio END AS shrunk_log_ratio,
        CASE WHEN NOT is_told THEN shrunk_sd END AS shrunk_sd,
        CASE WHEN NOT is_told THEN chance_better END AS chance_better,
        CASE WHEN NOT is_told THEN loss_variant_per_1000 END AS loss_variant_per_1000,
        CASE WHEN NOT is_told THEN loss_control_per_1000 END AS loss_control_per_1000,
        CASE WHEN is_told THEN 'one_reader' ELSE reason END AS reason
    )
FROM (
    SELECT
        *,
        metric NOT IN ('conversion', 'dismissed') AND coalesce(bool_or(x = 1 OR x_control = 1) OVER cut, false) AS is_told
    FROM kept
    WINDOW cut AS (PARTITION BY experiment_id, as_of, basis, segment_kind, metric, variant_id)
)

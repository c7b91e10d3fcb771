-- Lower limit of the lift of means that holds however often one looks, by closed form (normal mixture: Robbins 1970).
CREATE MACRO mean_anytime_low(log_ratio, se, level := 0.95, smallest_effect := NULL, is_guardrail := false) AS (
    CASE WHEN se > 0 THEN
        exp(log_ratio::DOUBLE - se * sqrt(
            -2 * ln(1 - level::DOUBLE) - 2 * normal_log_m(log_ratio, se, smallest_effect, is_guardrail)
        )) - 1
    END
)

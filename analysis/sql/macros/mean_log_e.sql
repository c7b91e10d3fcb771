-- Logarithm of the e-value against no difference, from a log ratio of means and its standard error (docs/methods/anytime-evidence.md).
CREATE MACRO mean_log_e(log_ratio, se, smallest_effect := NULL, is_guardrail := false) AS (
    CASE WHEN se > 0 THEN
        normal_log_m(log_ratio, se, smallest_effect, is_guardrail) + 0.5 * (log_ratio::DOUBLE / se) * (log_ratio::DOUBLE / se)
    END
)

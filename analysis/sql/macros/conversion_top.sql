-- Helper of the anytime interval of conversion: a log ratio of nearly greatest likelihood, finite where a side has no conversion.
CREATE MACRO conversion_top(x_control, x, share) AS (
    CASE WHEN x > 0 AND x_control > 0 THEN ln(x) - ln(x_control) ELSE ln(x + 0.5) - ln(x_control + 0.5) END
    - ln(share) + ln(1 - share)
)

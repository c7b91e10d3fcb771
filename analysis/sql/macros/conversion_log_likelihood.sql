-- Helper of the anytime interval of conversion: log likelihood of the split of conversions at a log ratio.
CREATE MACRO conversion_log_likelihood(x_control, x, logit) AS (
    x * logit - (x + x_control) * (greatest(logit, 0) + ln(1 + exp(-abs(logit))))
)

-- Helper of the anytime interval of conversion: a log ratio of nearly greatest likelihood, finite where a side has no conversion.
CREATE MACRO epochs_top(epochs, x_control, x) AS (
    CASE
        WHEN x > 0 AND x_control > 0 AND len(epochs) = 1 THEN ln(x) - ln(x_control) - epochs[1].logit
        WHEN x > 0 AND x_control > 0 THEN epochs_newton(epochs, 0, 0)
        ELSE ln(x + 0.5) - ln(x_control + 0.5)
            - coalesce(list_sum(list_transform(epochs, lambda k: (k.xa + k.xb) * k.logit)) / nullif(x + x_control, 0), 0)
    END
)

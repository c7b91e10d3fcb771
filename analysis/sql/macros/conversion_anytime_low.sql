-- Lower limit of the lift of conversion that holds however often one looks, from converted readers; share is the variant's planned part of the two (0.5 when equal).
CREATE MACRO conversion_anytime_low(x_control, x, share := 0.5, level := 0.95, smallest_effect := NULL, is_guardrail := false) AS (
    CASE WHEN x > 0 THEN
        exp(epochs_log_limit(
            one_epoch(x_control, x, share), x_control, x,
            epochs_log_evidence(one_epoch(x_control, x, share), smallest_effect, is_guardrail), level::DOUBLE, -1
        )) - 1
    END
)

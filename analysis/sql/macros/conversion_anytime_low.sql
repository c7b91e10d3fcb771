-- Lower limit of the lift of conversion that holds however often one looks, from converted readers; share is the variant's planned part of the two (0.5 when equal).
CREATE MACRO conversion_anytime_low(x_control, x, share := 0.5, level := 0.95, smallest_effect := NULL, is_guardrail := false) AS (
    CASE WHEN x > 0 THEN
        exp(conversion_anytime_log_limit(x_control, x, share::DOUBLE, level::DOUBLE, smallest_effect, is_guardrail, -1)) - 1
    END
)

-- Logarithm of the e-value against equal conversion, by closed form, from converted readers; share is the variant's planned part of the two (0.5 when equal).
CREATE MACRO conversion_log_e(x_control, x, share := 0.5, smallest_effect := NULL, is_guardrail := false) AS (
    conversion_log_evidence(x_control, x, share::DOUBLE, smallest_effect, is_guardrail)
    - x * ln(share::DOUBLE) - x_control * ln(1 - share::DOUBLE)
)

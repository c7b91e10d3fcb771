-- Logarithm of the e-value against equal conversion, by closed form, from converted readers; share is the variant's planned part of the two (0.5 when equal).
CREATE MACRO conversion_log_e(x_control, x, share := 0.5, smallest_effect := NULL, is_guardrail := false) AS (
    epochs_log_evidence(one_epoch(x_control, x, share), smallest_effect, is_guardrail)
    - epochs_log_likelihood(one_epoch(x_control, x, share), 0)
)

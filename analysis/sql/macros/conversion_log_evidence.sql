-- Helper of the anytime evidence of conversion: the mixture over the prior's scales, as a logarithm.
CREATE MACRO conversion_log_evidence(x_control, x, share, smallest_effect, is_guardrail) AS (
    log_mixed(
        conversion_log_evidence_at(x_control, x, share, prior_scale(1, smallest_effect, is_guardrail)),
        conversion_log_evidence_at(x_control, x, share, prior_scale(2, smallest_effect, is_guardrail)),
        conversion_log_evidence_at(x_control, x, share, prior_scale(3, smallest_effect, is_guardrail))
    )
)

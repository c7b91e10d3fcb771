-- Helper of the anytime evidence of conversion: the mixture over the prior's scales, as a logarithm.
CREATE MACRO conversion_log_evidence(x_control, x, share, smallest_effect, is_guardrail) AS (
    log_mixed(
        list_transform(
            prior_scales(smallest_effect, is_guardrail),
            lambda tau: conversion_log_evidence_at(x_control, x, share, tau)
        )
    )
)

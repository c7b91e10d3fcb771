-- Helper of the anytime evidence of conversion: the mixture over the prior's scales, as a logarithm; by closed form over one allocation epoch, by an integral over several.
CREATE MACRO epochs_log_evidence(epochs, smallest_effect, is_guardrail) AS (
    log_mixed(
        list_transform(
            prior_scales(smallest_effect, is_guardrail),
            lambda tau: CASE
                WHEN len(epochs) = 1 THEN conversion_log_evidence_at(epochs[1].xa, epochs[1].xb, logistic(epochs[1].logit), tau)
                ELSE epochs_log_evidence_at(epochs, tau)
            END
        )
    )
)

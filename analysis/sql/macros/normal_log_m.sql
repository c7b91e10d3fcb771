-- Helper of the anytime interval of means: the mixture at the estimate, as a logarithm (Robbins 1970).
CREATE MACRO normal_log_m(log_ratio, se, smallest_effect, is_guardrail) AS (
    log_mixed(
        list_transform(
            prior_scales(smallest_effect, is_guardrail),
            lambda tau: normal_log_m_at(log_ratio::DOUBLE, se::DOUBLE, tau)
        )
    )
)

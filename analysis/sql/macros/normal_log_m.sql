-- Helper of the anytime interval of means: the mixture at the estimate, as a logarithm (Robbins 1970).
CREATE MACRO normal_log_m(log_ratio, se, smallest_effect, is_guardrail) AS (
    log_mixed(
        normal_log_m_at(log_ratio::DOUBLE, se::DOUBLE, prior_scale(1, smallest_effect, is_guardrail)),
        normal_log_m_at(log_ratio::DOUBLE, se::DOUBLE, prior_scale(2, smallest_effect, is_guardrail)),
        normal_log_m_at(log_ratio::DOUBLE, se::DOUBLE, prior_scale(3, smallest_effect, is_guardrail))
    )
)

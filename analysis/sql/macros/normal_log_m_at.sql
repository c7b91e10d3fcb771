-- Helper of the anytime interval of means: one scale's share of the mixture, as a logarithm.
CREATE MACRO normal_log_m_at(log_ratio, se, tau) AS (
    0.5 * ln(se * se / (se * se + tau * tau)) - 0.5 * log_ratio * log_ratio / (se * se + tau * tau)
)

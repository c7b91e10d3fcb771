-- Helper of the anytime evidence of conversion: the beta-binomial probability at one scale of the prior, as a logarithm.
CREATE MACRO conversion_log_evidence_at(x_control, x, share, tau) AS (
    log_beta(1 / ((1 - share) * tau * tau) + x, 1 / (share * tau * tau) + x_control)
    - log_beta(1 / ((1 - share) * tau * tau), 1 / (share * tau * tau))
)

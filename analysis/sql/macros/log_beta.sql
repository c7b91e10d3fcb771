-- Logarithm of the beta function.
CREATE MACRO log_beta(a, b) AS (lgamma(a) + lgamma(b) - lgamma(a + b))

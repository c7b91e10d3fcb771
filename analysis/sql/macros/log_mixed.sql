-- Logarithm of 0.4 exp(a) + 0.4 exp(b) + 0.2 exp(c): the weights of the prior's three scales.
CREATE MACRO log_mixed(a, b, c) AS (
    greatest(a, b, c)
    + ln(0.4 * exp(a - greatest(a, b, c)) + 0.4 * exp(b - greatest(a, b, c)) + 0.2 * exp(c - greatest(a, b, c)))
)

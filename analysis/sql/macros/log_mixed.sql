-- Logarithm of 0.4 exp(a) + 0.4 exp(b) + 0.2 exp(c) of a list [a, b, c]: the weights of the prior's three scales.
CREATE MACRO log_mixed(logs) AS (
    list_transform(
        [logs],
        lambda m: list_max(m)
            + ln(0.4 * exp(m[1] - list_max(m)) + 0.4 * exp(m[2] - list_max(m)) + 0.2 * exp(m[3] - list_max(m)))
    )[1]
)

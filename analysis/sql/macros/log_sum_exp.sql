-- Helper: logarithm of the sum of the exponentials of a list.
CREATE MACRO log_sum_exp(logs) AS (
    list_transform([logs], lambda m: list_max(m) + ln(list_sum(list_transform(m, lambda l: exp(l - list_max(m))))))[1]
)

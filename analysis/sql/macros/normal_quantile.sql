-- Quantile of the standard normal distribution at p, to 16 digits (Wichura 1988, AS 241).
CREATE MACRO normal_quantile(p) AS (
    CASE
        WHEN p IS NULL OR p <= 0 OR p >= 1 THEN NULL
        WHEN abs(p - 0.5) <= 0.425 THEN (p - 0.5) * normal_quantile_middle(0.180625 - (p - 0.5) * (p - 0.5))
        ELSE sign(p - 0.5) * normal_quantile_tail(sqrt(-ln(least(p, 1 - p))))
    END
)

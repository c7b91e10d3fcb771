-- Upper Wilson limit of the rate x / n, for one look (Wilson 1927). level is 0.95 unless said otherwise.
CREATE MACRO wilson_high(x, n, level := 0.95) AS (
    CASE
        WHEN n IS NULL OR x IS NULL OR n <= 0 THEN NULL
        WHEN x >= n THEN 1.0
        ELSE wilson_centre(x::DOUBLE / n, n::DOUBLE, normal_quantile((1 + level::DOUBLE) / 2))
            + wilson_half(x::DOUBLE / n, n::DOUBLE, normal_quantile((1 + level::DOUBLE) / 2))
    END
)

-- Helper of the Wilson interval: half of its width, from rate, readers and quantile.
CREATE MACRO wilson_half(rate, n, z) AS (z * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / (1 + z * z / n))

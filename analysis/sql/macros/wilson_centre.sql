-- Helper of the Wilson interval: its middle, from rate, readers and quantile.
CREATE MACRO wilson_centre(rate, n, z) AS ((rate + z * z / (2 * n)) / (1 + z * z / n))

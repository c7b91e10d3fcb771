-- Helper: an e-value from its logarithm, as large as the report writes it at most; NULL stays NULL.
CREATE MACRO capped_exp(log_e) AS (CASE WHEN log_e > 690 THEN exp(690) ELSE exp(log_e) END)

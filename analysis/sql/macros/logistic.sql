-- Helper: the probability at a logit.
CREATE MACRO logistic(logit) AS (1 / (1 + exp(-logit)))

-- Scale number i (1 to 3) of the prior of the log ratio: outcomes, guardrails, or the smallest effect that was registered.
CREATE MACRO prior_scale(i, smallest_effect, is_guardrail) AS (
    CASE
        WHEN is_guardrail THEN [0.005e0, 0.02e0, 0.08e0][i]
        WHEN smallest_effect IS NOT NULL THEN ln(1 + smallest_effect::DOUBLE)
        ELSE [0.05e0, 0.15e0, 0.45e0][i]
    END
)

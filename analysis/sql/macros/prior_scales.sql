-- The three scales of the prior of the log ratio: outcomes, guardrails, or the smallest effect that was registered.
CREATE MACRO prior_scales(smallest_effect, is_guardrail) AS (
    CASE
        WHEN is_guardrail THEN [0.005e0, 0.02e0, 0.08e0]
        WHEN smallest_effect IS NOT NULL THEN list_transform(range(3), lambda i: ln(1 + smallest_effect::DOUBLE))
        ELSE [0.05e0, 0.15e0, 0.45e0]
    END
)

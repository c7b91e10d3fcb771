-- Helper of the anytime interval of conversion: the log ratio where the evidence against it reaches the level, below (direction -1) or above (1) the likeliest; 76 halvings to the root of the closed-form evidence (no closed form exists).
-- A state of the halving is [near, far, likeliest, least log likelihood]: what is constant is in it, so that it is computed and planned once.
CREATE MACRO conversion_anytime_log_limit(x_control, x, share, level, smallest_effect, is_guardrail, direction) AS (
    list_transform(
        [
            list_reduce(
                list_prepend(
                    [
                        0.0e0,
                        8192.0e0,
                        conversion_top(x_control, x, share),
                        conversion_log_evidence(x_control, x, share, smallest_effect, is_guardrail) + ln(1 - level)
                    ],
                    list_transform(range(76), lambda i: [i::DOUBLE])
                ),
                lambda s, i: CASE
                    WHEN conversion_log_likelihood(x_control, x, s[3] + direction * (s[1] + s[2]) / 2 + ln(share) - ln(1 - share)) > s[4]
                    THEN [(s[1] + s[2]) / 2, s[2], s[3], s[4]]
                    ELSE [s[1], (s[1] + s[2]) / 2, s[3], s[4]]
                END
            )
        ],
        lambda s: s[3] + direction * s[1]
    )[1]
)

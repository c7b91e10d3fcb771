-- Upper limit of the lift of conversion that holds however often one looks: 76 halvings to the root of the closed-form evidence (no closed form exists).
CREATE MACRO conversion_anytime_high(x_control, x, share := 0.5, level := 0.95, smallest_effect := NULL, is_guardrail := false) AS (
    CASE WHEN x_control > 0 THEN
        exp(conversion_top(x_control, x, share::DOUBLE) + list_reduce(
            list_prepend(
                [0.0e0, 8192.0e0],
                list_transform(range(76), lambda i: [i::DOUBLE, i::DOUBLE])
            ),
            lambda s, i: CASE
                WHEN conversion_log_likelihood(
                        x_control, x,
                        conversion_top(x_control, x, share::DOUBLE) + (s[1] + s[2]) / 2 + ln(share::DOUBLE) - ln(1 - share::DOUBLE)
                    )
                    > conversion_log_evidence(x_control, x, share::DOUBLE, smallest_effect, is_guardrail) + ln(1 - level::DOUBLE)
                THEN [(s[1] + s[2]) / 2, s[2]]
                ELSE [s[1], (s[1] + s[2]) / 2]
            END
        )[1]) - 1
    END
)

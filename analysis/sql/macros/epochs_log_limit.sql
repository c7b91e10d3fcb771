-- Helper of the anytime interval of conversion: the log ratio where the evidence against it reaches the level, below (direction -1) or above (1) the likeliest; 76 halvings to the root (no closed form exists).
-- A state of the halving is [near, far, likeliest, least log likelihood]: what is constant is in it, so that it is computed and planned once.
CREATE MACRO epochs_log_limit(epochs, x_control, x, log_evidence, level, direction) AS (
    list_transform(
        [
            list_reduce(
                list_prepend(
                    [0.0e0, 8192.0e0, epochs_top(epochs, x_control, x), log_evidence + ln(1 - level)],
                    list_transform(range(76), lambda i: [i::DOUBLE])
                ),
                lambda s, i: CASE
                    WHEN epochs_log_likelihood(epochs, s[3] + direction * (s[1] + s[2]) / 2) > s[4]
                    THEN [(s[1] + s[2]) / 2, s[2], s[3], s[4]]
                    ELSE [s[1], (s[1] + s[2]) / 2, s[3], s[4]]
                END
            )
        ],
        lambda s: s[3] + direction * s[1]
    )[1]
)

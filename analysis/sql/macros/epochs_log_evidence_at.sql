-- Helper of the anytime evidence of conversion over several allocation epochs: one scale's share of the mixture, as a logarithm; the integral over 12 posterior standard deviations each way, as `conversion_epochs` in analysis/inference/sequential.py takes it.
CREATE MACRO epochs_log_evidence_at(epochs, tau) AS (
    list_transform(
        list_transform(
            [epochs_newton(epochs, 1 / (tau * tau), 0)],
            lambda p: [
                p,
                1 / sqrt(
                    list_sum(list_transform(epochs, lambda k: (k.xa + k.xb) * logistic(p + k.logit) * (1 - logistic(p + k.logit))))
                    + 1 / (tau * tau)
                )
            ]
        ),
        lambda peak: log_sum_exp(
            list_transform(
                list_transform(range(241), lambda i: peak[1] + peak[2] * (i - 120) / 10),
                lambda d: epochs_log_likelihood(epochs, d) - 0.5 * (d / tau) * (d / tau)
            )
        ) + ln(peak[2] / 10) - ln(tau * sqrt(2 * pi()))
    )[1]
)

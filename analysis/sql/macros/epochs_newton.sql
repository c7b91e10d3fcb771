-- Helper of the anytime evidence of conversion: the log ratio of greatest likelihood times a normal prior of precision "precision" (0: none), by Newton's steps of at most 1, from a start; safe because the logarithm is concave.
CREATE MACRO epochs_newton(epochs, precision, start) AS (
    list_reduce(
        list_prepend(start::DOUBLE, list_transform(range(60), lambda i: i::DOUBLE)),
        lambda d, i: d + greatest(-1, least(1, (
            list_sum(list_transform(epochs, lambda k: k.xb - (k.xa + k.xb) * logistic(d + k.logit))) - d * precision
        ) / greatest(
            list_sum(list_transform(epochs, lambda k: (k.xa + k.xb) * logistic(d + k.logit) * (1 - logistic(d + k.logit)))) + precision,
            1e-12
        )))
    )
)

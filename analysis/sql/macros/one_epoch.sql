-- Helper of the anytime evidence of conversion: a single allocation epoch, from converted readers and the variant's planned share of the two.
CREATE MACRO one_epoch(x_control, x, share) AS (
    [{'xa': x_control::DOUBLE, 'xb': x::DOUBLE, 'logit': ln(share::DOUBLE) - ln(1 - share::DOUBLE)}]
)

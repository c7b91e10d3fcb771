-- Every settled payment and settled refund that did not fail later.
-- Grain: payment or refund. Key: contribution_id. Reads: contributions, payment_details.
-- years_factor: a monthly pledge stands for twelve payments a year at its first payment, and for none at its later ones; an
-- invoice may say which payment is a later one.
WITH failed AS (
    SELECT contribution_id, bool_or(refund_of IS NOT NULL AND version IS NULL) AS is_refund, max(version) AS version
    FROM contributions
    WHERE status = 'failed'
    GROUP BY contribution_id
),
renewals AS (
    SELECT DISTINCT payment_id FROM payment_details WHERE is_renewal
)
SELECT
    c.contribution_id,
    c.reader_key,
    c.occurred_us AS at_us,
    c.day,
    c.amount_minor,
    c.currency,
    c.reporting_minor,
    CASE
        WHEN c.renewal_of IS NOT NULL OR d.payment_id IS NOT NULL THEN 0
        WHEN c.recurrence = 'monthly' THEN 12
        ELSE 1
    END AS years_factor,
    c.refund_of,
    c.experiment_id,
    c.variant_id
FROM contributions AS c
LEFT JOIN failed AS f
    ON f.contribution_id = c.contribution_id AND (f.is_refund OR f.version > coalesce(c.version, f.version - 1))
LEFT JOIN renewals AS d ON d.payment_id = c.billed_by
WHERE c.status = 'settled' AND f.contribution_id IS NULL

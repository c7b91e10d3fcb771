-- Fees and settlement, by payment. Grain: balance transaction of a payment or refund. Reads: landed.
SELECT
    row_number,
    id AS detail_id,
    moment(created) AS occurred_at,
    source_id AS payment_id,
    fee AS fee_minor,
    upper(currency) AS fee_currency,
    net AS settled_minor
FROM landed
WHERE type IN ('charge', 'payment', 'refund', 'payment_refund', 'adjustment') AND source_id IS NOT NULL

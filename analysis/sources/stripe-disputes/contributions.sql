-- Disputes of Stripe: the money is gone when one is lost.
-- Grain: dispute. Reads: landed. Parameters: $product, $live_only. Units of currencies: see the mapping stripe-objects.
SELECT
    row_number,
    id AS contribution_id,
    moment(created) AS occurred_at,
    CASE upper(currency)
        WHEN 'MGA' THEN amount * 100 WHEN 'ISK' THEN amount // 100 WHEN 'UGX' THEN amount // 100 ELSE amount
    END AS amount_minor,
    upper(currency) AS currency,
    CASE
        WHEN status = 'lost' THEN 'settled' WHEN status IN ('won', 'warning_closed', 'prevented') THEN 'failed' ELSE 'pending'
    END AS status,
    $product AS product,
    'once' AS recurrence,
    charge AS refund_of
FROM landed
WHERE $live_only <> 'yes' OR lower(coalesce(livemode, 'true')) = 'true'

-- Charges of Stripe. Grain: charge. Reads: landed. Parameters: $product, $recurrence_of_invoices, $live_only.
-- Units of currencies: see the mapping stripe-objects.
SELECT
    row_number,
    id AS contribution_id,
    moment(created) AS occurred_at,
    coalesce(reader_id, customer) AS reader_id,
    CASE upper(currency)
        WHEN 'MGA' THEN amount * 100 WHEN 'ISK' THEN amount // 100 WHEN 'UGX' THEN amount // 100 ELSE amount
    END AS amount_minor,
    upper(currency) AS currency,
    CASE
        WHEN status = 'failed' OR stripe_report = 'fraudulent' OR user_report = 'fraudulent' THEN 'failed'
        WHEN status = 'succeeded' AND lower(paid) = 'true' AND lower(captured) = 'true' THEN 'settled'
        ELSE 'pending'
    END AS status,
    coalesce(product, $product) AS product,
    CASE
        WHEN recurrence IN ('once', 'monthly', 'annual') THEN recurrence
        WHEN invoice IS NOT NULL THEN $recurrence_of_invoices
        ELSE 'once'
    END AS recurrence,
    experiment_id,
    variant_id,
    invoice AS billed_by
FROM landed
WHERE $live_only <> 'yes' OR lower(coalesce(livemode, 'true')) = 'true'

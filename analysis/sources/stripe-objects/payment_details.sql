-- What Stripe tells of a payment elsewhere: fee and settlement (balance transaction), first payment or renewal (invoice).
-- Grain: object. Reads: landed. Parameters: $live_only.
SELECT
    row_number,
    id AS detail_id,
    make_timestamp(created * 1000000) AS occurred_at,
    CASE WHEN object = 'invoice' THEN id ELSE source_id END AS payment_id,
    CASE billing_reason
        WHEN 'subscription_create' THEN false
        WHEN 'subscription_cycle' THEN true
        WHEN 'subscription_update' THEN true
    END AS is_renewal,
    fee AS fee_minor,
    CASE WHEN object = 'balance_transaction' THEN upper(currency) END AS fee_currency,
    net AS settled_minor
FROM landed
WHERE (object = 'invoice' OR (object = 'balance_transaction' AND source_id IS NOT NULL))
    AND ($live_only <> 'yes' OR coalesce(livemode, 'true') = 'true')

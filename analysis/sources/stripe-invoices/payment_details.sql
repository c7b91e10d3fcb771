-- First payment or renewal, by invoice. Grain: invoice. Reads: landed. Parameters: $live_only.
SELECT
    row_number,
    id AS detail_id,
    moment(created) AS occurred_at,
    id AS payment_id,
    CASE billing_reason
        WHEN 'subscription_create' THEN false
        WHEN 'subscription_cycle' THEN true
        WHEN 'subscription_update' THEN true
    END AS is_renewal
FROM landed
WHERE $live_only <> 'yes' OR lower(coalesce(livemode, 'true')) = 'true'

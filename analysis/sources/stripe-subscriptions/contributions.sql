-- Ended pledges of Stripe: a report that a pledge was cancelled, no payment. Grain: subscription. Reads: landed.
-- Parameters: $product, $recurrence, $currency, $live_only.
-- The moment is that of the reader's wish; a pledge that is still paid for until its period ends was cancelled all the same.
SELECT
    row_number,
    id AS contribution_id,
    coalesce(moment(canceled_at), moment(ended_at)) AS occurred_at,
    coalesce(reader_id, customer) AS reader_id,
    0 AS amount_minor,
    $currency AS currency,
    'cancelled' AS status,
    $product AS product,
    coalesce(recurrence, $recurrence) AS recurrence,
    experiment_id,
    variant_id
FROM landed
WHERE (canceled_at IS NOT NULL OR ended_at IS NOT NULL)
    AND ($live_only <> 'yes' OR lower(coalesce(livemode, 'true')) = 'true')

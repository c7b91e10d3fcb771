-- Readers and payment customers that a charge names. Grain: charge. Reads: landed. Parameters: $live_only.
SELECT
    row_number,
    moment(created) AS occurred_at,
    reader_id,
    customer AS linked_id,
    'customer' AS linked_kind
FROM landed
WHERE reader_id IS NOT NULL AND customer IS NOT NULL
    AND ($live_only <> 'yes' OR lower(coalesce(livemode, 'true')) = 'true')

-- Readers and payment customers that one object names: a charge, customer or session with metadata.reader_id, or a session
-- with client_reference_id. Grain: object. Reads: landed. Parameters: $live_only.
SELECT
    row_number,
    make_timestamp(created * 1000000) AS occurred_at,
    coalesce(reader_id, client_reference_id) AS reader_id,
    CASE WHEN object = 'customer' THEN id ELSE customer END AS linked_id,
    'customer' AS linked_kind
FROM landed
WHERE object IN ('charge', 'customer', 'checkout.session')
    AND coalesce(reader_id, client_reference_id) IS NOT NULL
    AND CASE WHEN object = 'customer' THEN id ELSE customer END IS NOT NULL
    AND ($live_only <> 'yes' OR coalesce(livemode, 'true') = 'true')

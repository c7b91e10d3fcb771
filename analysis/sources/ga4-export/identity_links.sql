-- Browser and account of events that name both. Grain: pair, in a batch of the file. Reads: landed.
SELECT
    row_number,
    make_timestamp(event_timestamp) AS occurred_at,
    user_pseudo_id AS reader_id,
    'account:' || user_id AS linked_id,
    'account' AS linked_kind
FROM landed
WHERE user_pseudo_id IS NOT NULL AND user_id IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY user_pseudo_id, user_id, event_timestamp // 3600000000 ORDER BY row_number) = 1

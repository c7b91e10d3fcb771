-- Browser and account of visits that name both. Grain: visit. Reads: landed.
SELECT
    row_number,
    moment(visit_at) AS occurred_at,
    visitor_id AS reader_id,
    'account:' || user_id AS linked_id,
    'account' AS linked_kind
FROM landed
WHERE visitor_id IS NOT NULL AND user_id IS NOT NULL AND user_id <> ''

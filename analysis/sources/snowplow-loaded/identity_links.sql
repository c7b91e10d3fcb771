-- Browser and account of events that name both. Grain: pair and hour, in a batch of the file. Reads: landed.
SELECT
    row_number,
    coalesce(moment(derived_at), moment(collected_at)) AS occurred_at,
    domain_userid AS reader_id,
    'account:' || user_id AS linked_id,
    'account' AS linked_kind
FROM landed
WHERE domain_userid IS NOT NULL AND user_id IS NOT NULL AND user_id <> ''
QUALIFY row_number() OVER (PARTITION BY domain_userid, user_id, left(collected_at, 13) ORDER BY row_number) = 1

-- Browser and account of calls that name both. Grain: pair and hour, in a batch of the file. Reads: landed.
SELECT
    row_number,
    coalesce(moment(occurred), moment(sent_at)) AS occurred_at,
    anonymous_id AS reader_id,
    'account:' || user_id AS linked_id,
    'account' AS linked_kind
FROM landed
WHERE anonymous_id IS NOT NULL AND user_id IS NOT NULL AND type IN ('identify', 'page', 'track', 'screen')
QUALIFY row_number() OVER (PARTITION BY anonymous_id, user_id, left(occurred, 13) ORDER BY type <> 'identify', row_number) = 1

-- Readers and donors that a gift names. Grain: line. Reads: landed. Parameters: $date_format, $time_zone.
SELECT
    row_number,
    CAST(try_strptime(paid_at, $date_format) AS TIMESTAMP) AT TIME ZONE $time_zone AT TIME ZONE 'UTC' AS occurred_at,
    reader_id,
    donor AS linked_id,
    'customer' AS linked_kind
FROM landed
WHERE reader_id IS NOT NULL AND donor IS NOT NULL

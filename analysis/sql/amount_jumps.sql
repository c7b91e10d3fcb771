-- Newly landed files whose gifts are of another order of magnitude than those of every other file: pounds for pence, say.
-- Grain: landed file and kind of payment. Key: landed, currency, product, recurrence. Runs over the table
-- `contribution_parts` (filename, landed, is_new). Parameters: $parts (list of its files), $factor, $fewest, $fewest_others.
-- Alike is compared with alike: an annual subscription is no jump beside a monthly one.
WITH paid AS (
    SELECT p.landed, p.is_new, c.currency, c.product, c.recurrence, c.amount_minor
    FROM read_parquet($parts, union_by_name = true, filename = true, hive_partitioning = false) AS c
    JOIN contribution_parts AS p USING (filename)
    WHERE c.status = 'settled' AND c.refund_of IS NULL AND c.amount_minor > 0
),
arrived AS (
    SELECT landed, currency, product, recurrence, count(*) AS gifts, median(amount_minor) AS median_minor
    FROM paid
    WHERE is_new
    GROUP BY landed, currency, product, recurrence
    HAVING count(*) >= $fewest
),
compared AS (
    SELECT
        a.landed,
        a.currency,
        a.product,
        a.recurrence,
        a.gifts,
        a.median_minor::DOUBLE AS median_minor,
        median(o.amount_minor)::DOUBLE AS usual_minor,
        count(*) AS others
    FROM arrived AS a
    JOIN paid AS o
        ON o.landed <> a.landed AND o.currency = a.currency AND o.product = a.product AND o.recurrence = a.recurrence
    GROUP BY a.landed, a.currency, a.product, a.recurrence, a.gifts, a.median_minor
)
SELECT landed, currency, product, recurrence, gifts, median_minor, usual_minor
FROM compared
WHERE others >= $fewest_others
    AND (median_minor >= usual_minor * $factor OR median_minor * $factor <= usual_minor)
ORDER BY landed, currency, product, recurrence

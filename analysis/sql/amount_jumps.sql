-- Newly landed files whose gifts are of another order of magnitude than those of every other file: pounds for pence, say.
-- Grain: landed file and kind of payment. Key: landed, currency, product, recurrence. Runs over the table
-- `contribution_parts` (filename, landed, is_new). Parameters: $parts (list of its files), $factor, $fewest, $fewest_others.
-- Alike is compared with alike: an annual subscription is no jump beside a monthly one. What is usual is the middle of the
-- other files' middle gifts: each file is summed up once, so that a year that arrives at once costs one reading of its gifts.
WITH paid AS (
    SELECT p.landed, p.is_new, c.currency, c.product, c.recurrence, c.amount_minor
    FROM read_parquet($parts, union_by_name = true, filename = true, hive_partitioning = false) AS c
    JOIN contribution_parts AS p USING (filename)
    WHERE c.status = 'settled' AND c.refund_of IS NULL AND c.amount_minor > 0
),
files AS (
    SELECT
        landed,
        currency,
        product,
        recurrence,
        bool_or(is_new) AS is_new,
        count(*) AS gifts,
        median(amount_minor)::DOUBLE AS median_minor
    FROM paid
    GROUP BY landed, currency, product, recurrence
),
compared AS (
    SELECT
        f.landed,
        f.currency,
        f.product,
        f.recurrence,
        f.gifts,
        f.median_minor,
        median(o.median_minor) AS usual_minor,
        sum(o.gifts) AS others
    FROM files AS f
    JOIN files AS o
        ON o.landed <> f.landed AND o.currency = f.currency AND o.product = f.product AND o.recurrence = f.recurrence
    WHERE f.is_new AND f.gifts >= $fewest
    GROUP BY f.landed, f.currency, f.product, f.recurrence, f.gifts, f.median_minor
)
SELECT landed, currency, product, recurrence, gifts, median_minor, usual_minor
FROM compared
WHERE others >= $fewest_others
    AND (median_minor >= usual_minor * $factor OR median_minor * $factor <= usual_minor)
ORDER BY landed, currency, product, recurrence

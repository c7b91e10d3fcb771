-- Which edition. Grain: one row. Reads: editions.
SELECT
    edition, as_of, published_at
FROM editions
WHERE is_current

-- Gifts of an edition by what ties them, without the amount of a single one. Grain and columns as before. Reads: kept.
-- One gift of a variant would follow from the variant's other routes and its sum; its sum goes where they have one.
SELECT * EXCLUDE (has_single) REPLACE (CASE WHEN NOT has_single THEN value_minor END AS value_minor)
FROM (
    SELECT *, bool_or(gifts = 1) OVER (PARTITION BY experiment_id, as_of, variant_id) AS has_single
    FROM kept
)

-- All persons, those whose components were touched as they are now.
-- Grain: key. Key: reader_key. Reads: persons, regrouped.
SELECT reader_key, person_key, component_key, n_ids, is_merged
FROM persons
WHERE reader_key NOT IN (SELECT reader_key FROM regrouped)
UNION ALL
SELECT reader_key, person_key, component_key, n_ids, is_merged
FROM regrouped

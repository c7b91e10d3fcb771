-- Members of the components that new pairs touch, each as a pair with the smallest key of its component.
-- Grain: key. Reads: persons, new_pairs.
WITH touched AS (
    SELECT p.component_key
    FROM persons AS p
    WHERE p.reader_key IN (SELECT reader_key FROM new_pairs UNION ALL SELECT linked_key FROM new_pairs)
)
SELECT reader_key, component_key AS linked_key
FROM persons
WHERE component_key IN (SELECT component_key FROM touched)

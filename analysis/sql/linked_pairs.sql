-- Pairs of keys that links connect. Grain: pair. Reads: identity_links.
SELECT DISTINCT reader_key, linked_key
FROM identity_links
WHERE reader_key IS NOT NULL AND linked_key IS NOT NULL AND reader_key <> linked_key
ORDER BY reader_key, linked_key

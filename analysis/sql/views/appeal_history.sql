-- Which words each part of a wording had, and from which edition to which. Grain: experiment, variant, part, text.
-- Reads: appeal_parts_by_edition, editions.
SELECT
    parts.experiment_id,
    parts.variant_id,
    parts.part,
    parts.text,
    min(parts.edition) AS first_edition,
    max(parts.edition) AS last_edition,
    min(editions.as_of) AS first_as_of,
    max(editions.as_of) AS last_as_of,
    max(parts.edition) = (SELECT max(edition) FROM editions) AS is_current
FROM appeal_parts_by_edition AS parts
INNER JOIN editions ON editions.edition = parts.edition
GROUP BY parts.experiment_id, parts.variant_id, parts.part, parts.text

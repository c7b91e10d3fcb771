-- The verdicts of the newest edition that had counted no day after the one given: as_of(DATE '2026-10-20').
CREATE MACRO as_of(day) AS TABLE
SELECT
    e.edition,
    e.as_of AS counted_to,
    e.published_at,
    d.experiment_id,
    d.verdict,
    d.basis,
    d.variant_id,
    d.reasons
FROM editions AS e
JOIN decisions_by_edition AS d ON d.edition = e.edition
WHERE e.edition = (SELECT max(o.edition) FROM editions AS o WHERE o.as_of <= day::DATE)
ORDER BY d.experiment_id

-- The table other_readings as the newest edition said that had counted no day after the one given: other_readings_as_of(DATE '2026-10-20').
CREATE MACRO other_readings_as_of(day) AS TABLE
SELECT t.*
FROM other_readings_by_edition AS t
WHERE t.edition = (SELECT max(e.edition) FROM editions AS e WHERE e.as_of <= day::DATE)

-- Readers of past tests by day of first exposure and by what they gave: what A/A tests are drawn from.
-- Grain: experiment, first_day, is_converted, value. Reads reader_outcomes of the published database. No parameters.
SELECT
    experiment_id,
    first_day,
    is_converted,
    value_minor,
    count(*) AS readers
FROM reader_outcomes
GROUP BY experiment_id, first_day, is_converted, value_minor
ORDER BY experiment_id, first_day, is_converted, value_minor

-- Helper of lift: the metric, or an error that names it where no comparison has it.
CREATE MACRO known_metric(metric) AS (
    CASE
        WHEN metric IN (SELECT k.metric FROM estimates AS k) OR NOT EXISTS (FROM estimates) THEN metric
        ELSE error('There is no metric ' || coalesce('''' || metric || '''', 'NULL') || '. SELECT DISTINCT metric FROM estimates lists those that there are.')
    END
)

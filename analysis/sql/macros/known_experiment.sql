-- Helper of the macros of one experiment: its id, or an error that names it where it is not registered.
CREATE MACRO known_experiment(id) AS (
    CASE
        WHEN id IN (SELECT x.experiment_id FROM experiments AS x) THEN id
        ELSE error('There is no experiment ' || coalesce('''' || id || '''', 'NULL') || '. FROM experiments lists those that there are.')
    END
)

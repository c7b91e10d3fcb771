-- Outcomes of the trust checks without their statistics, which may tell of one reader. Grain: experiment, check. Reads: checks.
SELECT DISTINCT
    experiment_id, as_of, check_name, status
FROM checks
ORDER BY ALL

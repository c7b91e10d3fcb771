-- Experiments with a reader among the keys whose persons were put together anew.
-- Grain: experiment. Reads: daily_exposures as files, regrouped. Parameters: $files.
SELECT DISTINCT experiment_id
FROM read_parquet($files, union_by_name = true, hive_partitioning = false)
WHERE reader_key IN (SELECT reader_key FROM regrouped)

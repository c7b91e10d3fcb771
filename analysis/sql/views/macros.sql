-- Every macro that the file brings along. Grain: macro. Reads: DuckDB's own catalogue.
SELECT
    f.function_name AS macro_name,
    CASE f.function_type WHEN 'table_macro' THEN 'table' ELSE 'number' END AS gives,
    array_to_string(f.parameters, ', ') AS parameters,
    f.comment AS macro_meaning
FROM duckdb_functions() AS f
WHERE f.function_type IN ('macro', 'table_macro') AND NOT f.internal AND f.schema_name = 'main'
    AND f.database_name = current_database()
ORDER BY gives DESC, macro_name

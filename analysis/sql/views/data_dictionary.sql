-- Every published table and view, column by column. Grain: table, column. Reads: DuckDB's own catalogue.
SELECT
    c.table_name,
    coalesce(t.comment, v.comment) AS table_meaning,
    c.column_name,
    c.data_type,
    c.comment AS column_meaning
FROM duckdb_columns() AS c
LEFT JOIN duckdb_tables() AS t ON t.table_oid = c.table_oid AND t.database_oid = c.database_oid
LEFT JOIN duckdb_views() AS v ON v.view_oid = c.table_oid AND v.database_oid = c.database_oid
WHERE NOT c.internal AND c.schema_name = 'main' AND c.table_name <> 'data_dictionary'
ORDER BY c.table_name, c.column_index

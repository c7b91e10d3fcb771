-- The catalogue of the warehouse (SQLite): which files were ever landed, which Parquet parts are in force, which editions
-- were published. One transaction moves it from one whole state to the next; the parts themselves never change.
CREATE TABLE IF NOT EXISTS warehouse (
    schema_version INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS fixed_settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS files (
    file_id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    path TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    received INTEGER,
    accepted INTEGER NOT NULL,
    duplicate INTEGER NOT NULL,
    duplicate_exact INTEGER,
    duplicate_elsewhere INTEGER NOT NULL,
    quarantined INTEGER NOT NULL,
    status TEXT NOT NULL,
    message TEXT,
    ingested_at TEXT NOT NULL,
    run_id TEXT,
    source TEXT NOT NULL DEFAULT '',
    passed_over INTEGER NOT NULL DEFAULT 0,
    expired INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS files_by_path ON files (kind, path);
CREATE TABLE IF NOT EXISTS quarantine_reasons (
    file_id INTEGER NOT NULL REFERENCES files (file_id),
    reason TEXT NOT NULL,
    column_name TEXT,
    rows INTEGER NOT NULL,
    example TEXT
);
CREATE TABLE IF NOT EXISTS parts (
    part_id INTEGER PRIMARY KEY,
    table_name TEXT NOT NULL,
    scope TEXT NOT NULL,
    path TEXT NOT NULL UNIQUE,
    rows INTEGER NOT NULL,
    without_reader INTEGER,
    bots INTEGER,
    file_id INTEGER REFERENCES files (file_id),
    inputs TEXT,
    created_at TEXT NOT NULL,
    retired_at TEXT
);
CREATE INDEX IF NOT EXISTS parts_in_force ON parts (table_name, scope) WHERE retired_at IS NULL;
CREATE TABLE IF NOT EXISTS editions (
    number INTEGER PRIMARY KEY,
    as_of TEXT,
    inputs TEXT NOT NULL,
    published_at TEXT NOT NULL
);
-- Readers who asked to be forgotten: a digest from which neither the id nor its hash can be read, and the twenty bits of
-- the hash by which ingestion finds the few rows whose digest it has to take.
CREATE TABLE IF NOT EXISTS erased (
    bucket INTEGER NOT NULL,
    digest TEXT PRIMARY KEY,
    erased_at TEXT NOT NULL
);
-- The first day that retention has left of each table.
CREATE TABLE IF NOT EXISTS kept_from (
    table_name TEXT PRIMARY KEY,
    first_day TEXT NOT NULL
);

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
    duplicate_elsewhere INTEGER NOT NULL,
    quarantined INTEGER NOT NULL,
    status TEXT NOT NULL,
    message TEXT,
    ingested_at TEXT NOT NULL,
    run_id TEXT
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

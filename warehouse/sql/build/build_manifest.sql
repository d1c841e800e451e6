CREATE TABLE build_manifest (
    name VARCHAR, layer VARCHAR, lake_version BIGINT, files BIGINT, rows BIGINT, carried_over BOOLEAN,
    built_at TIMESTAMPTZ
)

CREATE TABLE build_manifest (
    name VARCHAR, lake_version BIGINT, files BIGINT, rows BIGINT, built_at TIMESTAMPTZ
);
COMMENT ON TABLE build_manifest IS '本次发布的来源与行数 | What this build was made from, and its row counts';
COMMENT ON COLUMN build_manifest.name IS '湖表或视图 | lake table, or table or view of this file';
COMMENT ON COLUMN build_manifest.lake_version IS '湖表版本，空表示尚无数据 | version of the lake table; null: nothing landed yet';
COMMENT ON COLUMN build_manifest.rows IS '本库中的行数 | rows in this file';

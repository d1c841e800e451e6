CREATE TABLE quality_history (
    build BIGINT, checked_at TIMESTAMPTZ, published BOOLEAN, checks BIGINT, check_id VARCHAR, severity VARCHAR,
    bad BIGINT, found VARCHAR
)

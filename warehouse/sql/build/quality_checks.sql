CREATE TABLE quality_checks (
    check_id VARCHAR, name VARCHAR, kind VARCHAR, columns VARCHAR[], severity VARCHAR, passed BOOLEAN, bad BIGINT,
    checked BIGINT, found VARCHAR, about_zh VARCHAR, about_en VARCHAR, accepted BOOLEAN
)

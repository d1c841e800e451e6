CREATE TABLE kpi_members (
    kpi_id VARCHAR, as_of TIMESTAMPTZ, member_kind VARCHAR, member_id VARCHAR, num DOUBLE, den DOUBLE, excluded BIGINT
)

CREATE TABLE kpi_snapshot (
    kpi_id VARCHAR, "group" VARCHAR, as_of TIMESTAMPTZ, window_from TIMESTAMPTZ, window_to TIMESTAMPTZ, num DOUBLE,
    den DOUBLE, value DOUBLE, excluded BIGINT, data_as_of TIMESTAMPTZ, detail VARCHAR
)

SELECT * FROM kpi_values
QUALIFY row_number() OVER (
    PARTITION BY kpi_id, "group", shanghai_day(as_of) ORDER BY kafka_at DESC, "offset" DESC
) = 1

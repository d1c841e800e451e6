CREATE OR REPLACE VIEW kpi_latest AS
SELECT * FROM kpi_values
QUALIFY row_number() OVER (
    PARTITION BY kpi_id, "group", shanghai_day(as_of) ORDER BY kafka_at DESC, "offset" DESC
) = 1;
COMMENT ON VIEW kpi_latest IS '指标最新值，每个指标、分组、截止日一条 | Latest row per KPI, group and as-of day';
COMMENT ON COLUMN kpi_latest.excluded IS '因缺少必要事实而未计入的隐患数 | hazards left out for want of a needed fact';

CREATE OR REPLACE VIEW kpi_values AS
SELECT * FROM raw.kpi_values;
COMMENT ON VIEW kpi_values IS '指标值的历次计算 | Every KPI row ever computed';

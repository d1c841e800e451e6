CREATE TABLE kpi_snapshot (
    kpi_id VARCHAR, "group" VARCHAR, as_of TIMESTAMPTZ, window_from TIMESTAMPTZ, window_to TIMESTAMPTZ, num DOUBLE,
    den DOUBLE, value DOUBLE, excluded BIGINT, data_as_of TIMESTAMPTZ, detail VARCHAR
);
COMMENT ON TABLE kpi_snapshot IS '本次发布时的全部指标 | Every KPI of the day and of the milestones, over this very build';
COMMENT ON COLUMN kpi_snapshot."group" IS '分组，{} 为全部 | group as JSON; {} is everything';
COMMENT ON COLUMN kpi_snapshot.window_to IS '统计期止（不含） | end of the window, outside it';
COMMENT ON COLUMN kpi_snapshot.value IS '指标值，分母为零时为空 | value; null if the denominator is 0';
COMMENT ON COLUMN kpi_snapshot.excluded IS '因缺少必要事实而未计入的隐患数 | hazards left out for want of a needed fact';
COMMENT ON COLUMN kpi_snapshot.detail IS '明细 | hazards and buckets behind the number, JSON';

CREATE OR REPLACE VIEW device_alarms AS
SELECT * FROM raw.device_alarms
QUALIFY row_number() OVER (
    PARTITION BY site_id, sensor_id, alarm_kind, raised_at ORDER BY kafka_at DESC, "partition" DESC, "offset" DESC
) = 1;
COMMENT ON VIEW device_alarms IS '现场系统上传的报警，每条报警取最新状态 | Alarms of the sites'' own systems, latest state of each';
COMMENT ON COLUMN device_alarms.ended_at IS '结束时间，空表示仍在继续 | end; null while it lasts';
COMMENT ON COLUMN device_alarms.raw IS '原始文件、位置、摘要 | file, offset and sha256 it came from, JSON';

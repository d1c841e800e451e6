CREATE OR REPLACE VIEW hazard_events AS
SELECT * FROM raw.hazard_events
QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY recorded_at, kafka_at, "partition", "offset") = 1;
COMMENT ON VIEW hazard_events IS '隐患事件，每个 event_id 只取最先记录的一条 | Hazard events; of doubles of an event_id the first recorded';
COMMENT ON COLUMN hazard_events.subject_id IS '隐患或报警的编号 | hazard_id or alarm_id';
COMMENT ON COLUMN hazard_events.occurred_at IS '发生时间 | when it happened in the world';
COMMENT ON COLUMN hazard_events.recorded_at IS '记录时间 | when it became known to us';
COMMENT ON COLUMN hazard_events.causes IS '起因坐标 | Kafka coordinates or command_id of what caused it, JSON';
COMMENT ON COLUMN hazard_events.data IS '事件内容 | what the kind carries, JSON';

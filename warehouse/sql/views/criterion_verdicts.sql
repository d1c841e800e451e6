CREATE OR REPLACE VIEW criterion_verdicts AS
SELECT * FROM raw.criterion_verdicts
QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY recorded_at, kafka_at, "partition", "offset") = 1;
COMMENT ON VIEW criterion_verdicts IS '判定结果事件，每个 event_id 只取最先记录的一条 | Verdicts; of doubles of an event_id the first recorded';
COMMENT ON COLUMN criterion_verdicts.subject_id IS '隐患或报警的编号 | hazard_id or alarm_id';
COMMENT ON COLUMN criterion_verdicts.occurred_at IS '发生时间 | when it happened in the world';
COMMENT ON COLUMN criterion_verdicts.recorded_at IS '记录时间 | when it became known to us';
COMMENT ON COLUMN criterion_verdicts.causes IS '起因坐标 | Kafka coordinates or command_id of what caused it, JSON';
COMMENT ON COLUMN criterion_verdicts.data IS '事件内容 | what the kind carries, JSON';

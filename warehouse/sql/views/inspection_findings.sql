CREATE OR REPLACE VIEW inspection_findings AS
SELECT * FROM raw.inspection_findings
QUALIFY row_number() OVER (PARTITION BY finding_id ORDER BY received_at, kafka_at, "partition", "offset") = 1;
COMMENT ON VIEW inspection_findings IS '检查发现，每个 finding_id 一条 | Inspection findings, one row per finding_id';
COMMENT ON COLUMN inspection_findings.found_at IS '发现时间 | when it was found';
COMMENT ON COLUMN inspection_findings.criterion_ref IS '检查人引用的判定条款 | the clause as the inspector wrote it';
COMMENT ON COLUMN inspection_findings.facts IS '事实（判定词汇） | facts in the words of the criteria, JSON';

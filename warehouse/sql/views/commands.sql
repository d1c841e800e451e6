CREATE OR REPLACE VIEW commands AS
SELECT * FROM raw.commands
QUALIFY row_number() OVER (PARTITION BY command_id ORDER BY kafka_at, "partition", "offset") = 1;
COMMENT ON VIEW commands IS '人员指令，每个 command_id 一条 | What people asked for, one row per command_id';

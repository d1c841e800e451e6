CREATE OR REPLACE VIEW command_results AS
SELECT * FROM raw.command_results
QUALIFY row_number() OVER (PARTITION BY command_id ORDER BY answered_at, kafka_at, "partition", "offset") = 1;
COMMENT ON VIEW command_results IS '指令答复：接受或拒绝及理由 | Answers to commands: accepted, or the guard that refused';

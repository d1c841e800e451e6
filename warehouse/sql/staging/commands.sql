SELECT * FROM raw.commands
QUALIFY row_number() OVER (PARTITION BY command_id ORDER BY kafka_at, "partition", "offset") = 1

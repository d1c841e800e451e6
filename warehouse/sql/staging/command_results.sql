SELECT * FROM raw.command_results
QUALIFY row_number() OVER (PARTITION BY command_id ORDER BY answered_at, kafka_at, "partition", "offset") = 1

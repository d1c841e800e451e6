SELECT * FROM raw.criterion_verdicts
QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY recorded_at, kafka_at, "partition", "offset") = 1

SELECT * FROM raw.alarm_events
QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY recorded_at, kafka_at, "partition", "offset") = 1

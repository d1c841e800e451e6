SELECT * FROM raw.inspection_findings
QUALIFY row_number() OVER (PARTITION BY finding_id ORDER BY received_at, kafka_at, "partition", "offset") = 1

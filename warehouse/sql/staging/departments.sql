SELECT
    key AS department_id,
    value->>'$.name' AS name,
    value->>'$.region' AS region,
    concat_ws('/', log_id, topic, "partition", "offset") AS coordinate,
    recorded_at,
    value
FROM (
    SELECT * FROM raw.registry_departments
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY kafka_at DESC, "offset" DESC) = 1
)
WHERE value IS NOT NULL

SELECT key AS department_id, value->>'$.name' AS name, value->>'$.region' AS region, value
FROM (
    SELECT * FROM raw.registry_departments
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY kafka_at DESC, "offset" DESC) = 1
)
WHERE value IS NOT NULL

SELECT
    key AS sector_id,
    value->>'$.name' AS name,
    value->>'$.name_en' AS name_en,
    (value->'$.industries')::VARCHAR[] AS industries,
    concat_ws('/', log_id, topic, "partition", "offset") AS coordinate,
    recorded_at,
    value
FROM (
    SELECT * FROM raw.registry_sectors
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY kafka_at DESC, "offset" DESC) = 1
)
WHERE value IS NOT NULL

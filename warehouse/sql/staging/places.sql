SELECT
    key AS place_id,
    value->>'$.site_id' AS site_id,
    value->>'$.name' AS name,
    value->>'$.kind' AS kind,
    value->>'$.area' AS area,
    value->'$.aliases' AS aliases,
    concat_ws('/', log_id, topic, "partition", "offset") AS coordinate,
    recorded_at,
    value
FROM (
    SELECT * FROM raw.registry_places
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY kafka_at DESC, "offset" DESC) = 1
)
WHERE value IS NOT NULL

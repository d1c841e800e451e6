SELECT
    key AS control_id,
    value->>'$.site_id' AS site_id,
    value->>'$.risk_object' AS risk_object,
    value->>'$.risk_unit' AS risk_unit,
    value->>'$.risk_id' AS risk_id,
    value->>'$.risk_event' AS risk_event,
    value->>'$.kind' AS kind,
    value->>'$.text' AS text,
    (value->'$.criterion_ids')::VARCHAR[] AS criterion_ids,
    (value->'$.place_ids')::VARCHAR[] AS place_ids,
    value->>'$.responsible' AS responsible,
    concat_ws('/', log_id, topic, "partition", "offset") AS coordinate,
    recorded_at,
    value
FROM (
    SELECT * FROM raw.registry_controls
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY kafka_at DESC, "offset" DESC) = 1
)
WHERE value IS NOT NULL

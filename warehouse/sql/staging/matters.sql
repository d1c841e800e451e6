SELECT
    key AS matter_id,
    value->>'$.name' AS name,
    value->>'$.name_en' AS name_en,
    value->>'$.lead_department_id' AS lead_department_id,
    (value->'$.cooperating_department_ids')::VARCHAR[] AS cooperating_department_ids,
    value->>'$.responsible_person' AS responsible_person,
    value->>'$.region' AS region,
    (value->'$.sectors')::VARCHAR[] AS sectors,
    (value->'$.criterion_ids')::VARCHAR[] AS criterion_ids,
    (value->>'$.valid_from')::DATE AS in_force_from,
    (value->>'$.valid_to')::DATE AS in_force_to,
    concat_ws('/', log_id, topic, "partition", "offset") AS coordinate,
    recorded_at,
    value
FROM (
    SELECT * FROM raw.registry_matters
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY kafka_at DESC, "offset" DESC) = 1
)
WHERE value IS NOT NULL

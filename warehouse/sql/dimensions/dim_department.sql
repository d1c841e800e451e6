SELECT
    version_key AS department_key,
    key AS department_id,
    value->>'$.name' AS name,
    value->>'$.region' AS region,
    (value->'$.sectors')::VARCHAR[] AS sectors,
    recorded_at,
    valid_from,
    valid_to,
    is_current
FROM registry_versions('raw.registry_departments')
WHERE value IS NOT NULL

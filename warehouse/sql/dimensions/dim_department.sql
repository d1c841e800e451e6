SELECT
    version_key AS department_key,
    key AS department_id,
    value->>'$.name' AS name,
    value->>'$.name_en' AS name_en,
    value->>'$.region' AS region,
    (value->'$.sectors')::VARCHAR[] AS sectors,
    value->>'$.kind' AS kind,
    value->>'$.parent_id' AS parent_id,
    recorded_at,
    valid_from,
    valid_to,
    is_current
FROM registry_versions('raw.registry_departments')
WHERE value IS NOT NULL

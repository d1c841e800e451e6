SELECT
    version_key AS place_key,
    key AS place_id,
    value->>'$.site_id' AS site_id,
    value->>'$.name' AS name,
    value->>'$.kind' AS kind,
    value->>'$.area' AS area,
    recorded_at,
    valid_from,
    valid_to,
    is_current
FROM registry_versions('raw.registry_places')
WHERE value IS NOT NULL

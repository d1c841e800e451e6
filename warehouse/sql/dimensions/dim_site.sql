SELECT
    version_key AS site_key,
    key AS site_id,
    value->>'$.name' AS name,
    value->>'$.name_en' AS name_en,
    value->>'$.enterprise_id' AS enterprise_id,
    value->>'$.enterprise_name' AS enterprise_name,
    value->>'$.enterprise_name_en' AS enterprise_name_en,
    value->>'$.region' AS region,
    CASE WHEN length(region) = 6 THEN left(region, 4) || '00' END AS city,
    CASE WHEN length(region) = 6 THEN left(region, 2) || '0000' END AS province,
    value->>'$.industry' AS industry,
    coalesce((value->>'$.simulated')::BOOLEAN, false) AS simulated,
    recorded_at,
    valid_from,
    valid_to,
    is_current
FROM registry_versions('raw.registry_sites')
WHERE value IS NOT NULL

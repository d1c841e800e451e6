SELECT
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
    instant(value->>'$.received_at') AS received_at,
    concat_ws('/', log_id, topic, "partition", "offset") AS coordinate,
    recorded_at,
    value
FROM (
    SELECT * FROM raw.registry_sites
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY kafka_at DESC, "offset" DESC) = 1
)
WHERE value IS NOT NULL

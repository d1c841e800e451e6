CREATE OR REPLACE VIEW places AS
SELECT
    key AS place_id,
    value->>'$.site_id' AS site_id,
    value->>'$.name' AS name,
    value->>'$.kind' AS kind,
    value->>'$.area' AS area,
    value->'$.aliases' AS aliases,
    value
FROM (
    SELECT * FROM raw.registry_places
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY kafka_at DESC, "offset" DESC) = 1
)
WHERE value IS NOT NULL;
COMMENT ON VIEW places IS '地点 | Places of a site; signals of one area are read together';

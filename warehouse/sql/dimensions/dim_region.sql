-- Provinces, cities and counties: those of the registry and of the reference list, and codes in use that neither knows.
WITH used AS (
    SELECT region FROM sites WHERE length(region) = 6
    UNION
    SELECT data->>'$.region' FROM hazard_events
    WHERE kind = 'hazard_registered' AND length(data->>'$.region') = 6
),
codes AS (
    SELECT region FROM used
    UNION
    SELECT left(region, 4) || '00' FROM used
    UNION
    SELECT left(region, 2) || '0000' FROM used
    UNION
    SELECT region FROM raw.region_names
    UNION
    SELECT region FROM regions
)
SELECT
    region,
    coalesce(nullif(own.name, ''), listed.name_zh, region) AS name_zh,
    coalesce(nullif(own.name_en, ''), listed.name_en, region) AS name_en,
    CASE WHEN region LIKE '%0000' THEN 'province' WHEN region LIKE '%00' THEN 'city' ELSE 'county' END AS level,
    CASE
        WHEN region LIKE '%0000' THEN NULL
        WHEN region LIKE '%00' THEN left(region, 2) || '0000'
        ELSE left(region, 4) || '00'
    END AS parent,
    CASE WHEN region NOT LIKE '%0000' THEN left(region, 4) || '00' END AS city,
    left(region, 2) || '0000' AS province
FROM codes
LEFT JOIN raw.region_names AS listed USING (region)
LEFT JOIN regions AS own USING (region)

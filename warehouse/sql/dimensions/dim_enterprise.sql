-- Enterprises have no register of their own: they are those that sites, hazards and findings name. Its name is what its
-- sites last said.
SELECT
    enterprise_id,
    arg_max(enterprise_name, valid_from) FILTER (enterprise_name <> '') AS name,
    arg_max(enterprise_name_en, valid_from) FILTER (enterprise_name_en <> '') AS name_en,
    count(DISTINCT site_id) FILTER (is_current) AS sites,
    list_sort(list(DISTINCT industry) FILTER (is_current)) AS industries,
    list_sort(list(DISTINCT region) FILTER (is_current)) AS regions,
    coalesce(bool_or(simulated), false) AS simulated
FROM (
    SELECT enterprise_id, enterprise_name, enterprise_name_en, site_id, industry, region, simulated, valid_from, is_current
    FROM dim_site
    UNION ALL BY NAME
    SELECT data->>'$.enterprise_id' AS enterprise_id FROM hazard_events WHERE kind = 'hazard_registered'
    UNION ALL BY NAME
    SELECT enterprise_id FROM inspection_findings
)
WHERE enterprise_id <> ''
GROUP BY enterprise_id

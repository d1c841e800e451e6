-- Enterprises have no register of their own: they are those that sites, hazards and findings name.
SELECT
    enterprise_id,
    count(DISTINCT site_id) FILTER (is_current) AS sites,
    list_sort(list(DISTINCT industry) FILTER (is_current)) AS industries,
    list_sort(list(DISTINCT region) FILTER (is_current)) AS regions,
    coalesce(bool_or(simulated), false) AS simulated
FROM (
    SELECT enterprise_id, site_id, industry, region, simulated, is_current FROM dim_site
    UNION ALL BY NAME
    SELECT data->>'$.enterprise_id' AS enterprise_id FROM hazard_events WHERE kind = 'hazard_registered'
    UNION ALL BY NAME
    SELECT enterprise_id FROM inspection_findings
)
WHERE enterprise_id <> ''
GROUP BY enterprise_id

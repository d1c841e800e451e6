-- The facts once for every grouping of $groupings, each with its group `grp`: those of its site. The grouping `[]` is
-- everything, and is there even if nothing was raised.
WITH groupings AS (SELECT unnest($groupings::VARCHAR[][]) AS names)
SELECT
    {
        'names': names,
        'codes': list_transform(names, lambda name: (MAP {
            'region': coalesce(region, ''),
            'city': coalesce(city, ''),
            'province': coalesce(province, ''),
            'industry': coalesce(industry, ''),
            'enterprise_id': coalesce(enterprise_id, ''),
            'site_id': coalesce(site_id, '')
        })[name])
    } AS grp,
    alarms_at.*
FROM alarms_at LEFT JOIN sites USING (site_id), groupings
UNION ALL BY NAME
SELECT {'names': names, 'codes': names} AS grp FROM groupings WHERE len(names) = 0

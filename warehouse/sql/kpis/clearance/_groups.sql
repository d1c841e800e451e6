-- The spans out of control once for every grouping of $groupings, each with its group `grp`. The grouping `[]` is
-- everything, and is there even if there is no site at all.
WITH groupings AS (SELECT unnest($groupings::VARCHAR[][]) AS names)
SELECT
    {
        'names': names,
        'codes': list_transform(names, lambda name: (MAP {
            'region': coalesce(region, ''),
            'city': CASE WHEN length(region) = 6 THEN left(region, 4) || '00' ELSE '' END,
            'province': CASE WHEN length(region) = 6 THEN left(region, 2) || '0000' ELSE '' END,
            'industry': coalesce(industry, ''),
            'enterprise_id': coalesce(enterprise_id, ''),
            'site_id': coalesce(site_id, '')
        })[name])
    } AS grp,
    clearance_at.*
FROM clearance_at, groupings
UNION ALL BY NAME
SELECT {'names': names, 'codes': names} AS grp FROM groupings WHERE len(names) = 0

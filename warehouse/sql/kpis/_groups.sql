-- The facts once for every grouping of $groupings (a list of lists of column names), each with its group `grp`: the
-- names and the values of its columns. The grouping `[]` is everything, and is there even if there is no hazard at all.
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
            'site_id': coalesce(site_id, ''),
            'department_id': coalesce(department_id, ''),
            'source': coalesce(source, ''),
            'scope': coalesce(scope, ''),
            'hazard_id': hazard_id
        })[name])
    } AS grp,
    facts_at.*
FROM facts_at, groupings
WHERE is_found OR in_m
UNION ALL BY NAME
SELECT {'names': names, 'codes': names} AS grp FROM groupings WHERE len(names) = 0

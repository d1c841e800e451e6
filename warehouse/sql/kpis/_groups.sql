-- The facts with their group: the values of the columns named in $by, in that order. `[]` is everything, and is there
-- even if there is no hazard at all.
SELECT
    list_transform($by::VARCHAR[], lambda name: (MAP {
        'region': coalesce(region, ''),
        'city': coalesce(city, ''),
        'province': coalesce(province, ''),
        'industry': coalesce(industry, ''),
        'enterprise_id': coalesce(enterprise_id, ''),
        'site_id': coalesce(site_id, ''),
        'department_id': coalesce(department_id, ''),
        'source': coalesce(source, ''),
        'scope': coalesce(scope, '')
    })[name]) AS grp,
    *
FROM facts_at
WHERE is_found OR in_m
UNION ALL BY NAME
SELECT []::VARCHAR[] AS grp WHERE len($by::VARCHAR[]) = 0

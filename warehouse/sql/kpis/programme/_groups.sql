-- The facts once for every grouping of $groupings, each with its group `grp`; `[]` is everything and is always there.
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
            'department_id': coalesce(department_id, ''),
            'action': coalesce(action, ''),
            'subject_id': subject_id
        })[name])
    } AS grp,
    programme_at.*
FROM programme_at, groupings
UNION ALL BY NAME
SELECT {'names': names, 'codes': names} AS grp FROM groupings WHERE len(names) = 0

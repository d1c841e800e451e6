-- Industries in scope and the lists that bind each of them, once for every grouping of $groupings. Industries in scope
-- are those of the registered sites; a list of an industry binds its branches, and that of a branch its industry.
-- The grouping `[]` is everything, and is there even if there is no site at all.
WITH groupings AS (SELECT unnest($groupings::VARCHAR[][]) AS names)
SELECT
    {
        'names': names,
        'codes': list_transform(names, lambda name: (MAP {
            'region': coalesce(region, ''),
            'city': coalesce(city, ''),
            'province': coalesce(province, ''),
            'industry': coalesce(sites.industry, ''),
            'enterprise_id': coalesce(enterprise_id, ''),
            'site_id': site_id
        })[name])
    } AS grp,
    site_id,
    scope.industry,
    lists_at.*
FROM groupings, sites
LEFT JOIN industries_in_scope AS scope ON scope.named = sites.industry
LEFT JOIN lists_at ON len(list_filter(
    lists_at.industries,
    lambda bound: bound = scope.industry OR starts_with(bound, scope.industry || '/')
        OR starts_with(scope.industry, bound || '/')
)) > 0
UNION ALL BY NAME
SELECT {'names': names, 'codes': names} AS grp FROM groupings WHERE len(names) = 0

-- 一行业一清单覆盖率 Industries in scope with a list in force ÷ industries in scope. Excluded: sites of no known industry.
SELECT grp,
    count(DISTINCT industry) FILTER (document_id IS NOT NULL) AS num,
    count(DISTINCT industry) AS den,
    count(DISTINCT site_id) FILTER (industry IS NULL) AS excluded,
    {
        'version': any_value(version),
        'without': list_sort(list(DISTINCT industry) FILTER (document_id IS NULL AND industry IS NOT NULL))
    } AS detail
FROM list_facts
GROUP BY grp

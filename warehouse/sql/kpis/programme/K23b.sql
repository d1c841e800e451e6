-- 宣贯率 Departments that have publicised the newest list in force ÷ departments of the registry.
SELECT grp,
    count(*) FILTER (publicised) AS num,
    count(*) FILTER (publicised IS NOT NULL) AS den,
    0 AS excluded,
    {'without': list_sort(list(department_id) FILTER (NOT publicised))} AS detail
FROM programme_facts
GROUP BY grp

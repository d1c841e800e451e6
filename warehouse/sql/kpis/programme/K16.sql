-- 典型案例 Typical cases published in the window, and by the unit that published them.
SELECT grp,
    sum(published) AS num,
    NULL AS den,
    0 AS excluded,
    {'units': list({'unit': department_id, 'cases': published} ORDER BY department_id) FILTER (published > 0)} AS detail
FROM (
    SELECT grp, department_id,
        count(*) FILTER (coalesce(case_at >= $window_from AND case_at < $window_to, false)) AS published
    FROM programme_facts
    GROUP BY grp, department_id
)
GROUP BY grp

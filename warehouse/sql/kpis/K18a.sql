-- 职责唯一率 M found so far that have exactly one lead department ÷ all. One in a blind spot has none.
SELECT grp,
    count(*) FILTER (in_m AND is_found AND department_id IS NOT NULL AND NOT is_blind) AS num,
    count(*) FILTER (in_m AND is_found) AS den,
    0 AS excluded
FROM hazard_facts
GROUP BY grp

-- 严格清零 1 if no major hazard is open, else 0; with no major hazard at all it is 1.
SELECT grp,
    CASE WHEN count(*) FILTER (in_m AND is_open) = 0 THEN 1 ELSE 0 END AS num,
    1 AS den,
    count(*) FILTER (in_m AND is_open) AS counted,  -- a closed hazard is no member
    count(*) FILTER (in_m AND found_at IS NULL) AS excluded,
    {'open': count(*) FILTER (in_m AND is_open)} AS detail
FROM hazard_facts
GROUP BY grp

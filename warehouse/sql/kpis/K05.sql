-- 累计整改率 All found so far: no longer open ÷ found, over M. The number news items quote.
SELECT grp,
    count(*) FILTER (in_m AND is_found AND NOT is_open) AS num,
    count(*) FILTER (in_m AND is_found) AS den,
    count(*) FILTER (in_m AND found_at IS NULL) AS excluded
FROM hazard_facts
GROUP BY grp

-- 存量销号率 Clearance of the stock found in 2023 and earlier: no longer open ÷ all, over M.
SELECT grp,
    count(*) FILTER (stock AND NOT is_open) AS num,
    count(*) FILTER (stock) AS den,
    count(*) FILTER (in_m AND found_at IS NULL) AS excluded
FROM (SELECT *, in_m AND is_found AND found_at < TIMESTAMPTZ '2024-01-01 00:00:00+08' AS stock FROM hazard_facts)
GROUP BY grp

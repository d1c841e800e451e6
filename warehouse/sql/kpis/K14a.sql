-- 自查占比 Found in the window by the enterprise itself (self-check, worker, its own sensors) ÷ all found, over M.
SELECT grp,
    count(*) FILTER (asked AND source IN ('self', 'worker', 'iot')) AS num,
    count(*) FILTER (asked) AS den,
    count(*) FILTER (in_m AND found_at IS NULL) AS excluded
FROM (
    SELECT *, coalesce(in_m AND is_found AND found_at >= $window_from AND found_at < $window_to, false) AS asked FROM hazard_facts
)
GROUP BY grp

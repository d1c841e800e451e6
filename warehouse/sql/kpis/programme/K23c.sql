-- 举报核实率 Public reports received in the window: verified ÷ received.
SELECT grp,
    count(*) FILTER (received AND tip_verified_at IS NOT NULL) AS num,
    count(*) FILTER (received) AS den,
    0 AS excluded
FROM (SELECT *, coalesce(tip_at >= $window_from AND tip_at < $window_to, false) AS received FROM programme_facts)
GROUP BY grp

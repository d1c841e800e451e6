-- 在线率 Seconds in the window that readings speak for ÷ seconds that sensors were expected to speak.
SELECT grp,
    coalesce(sum(online_s), 0) AS num,
    coalesce(sum(expected_s), 0) AS den,
    0 AS excluded
FROM (FROM quality_facts WHERE shanghai_day_start(day) >= $window_from AND shanghai_day_start(day) < $window_to)
RIGHT JOIN (SELECT DISTINCT grp FROM quality_facts) USING (grp)
GROUP BY grp

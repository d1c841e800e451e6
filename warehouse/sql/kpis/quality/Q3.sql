-- 拒收率 Records refused in the window ÷ records that came (readings, upstream alarms, findings, commands, and the
-- refused), by cause.
WITH seen AS (
    SELECT *
    FROM (FROM quality_facts WHERE shanghai_day_start(day) >= $window_from AND shanghai_day_start(day) < $window_to)
    RIGHT JOIN (SELECT DISTINCT grp FROM quality_facts) USING (grp)
),
causes AS (
    SELECT grp, list({'source': source, 'cause': cause, 'letters': letters} ORDER BY letters DESC, source, cause) AS causes
    FROM (SELECT grp, source, cause, sum(refused)::BIGINT AS letters FROM seen WHERE refused > 0 GROUP BY ALL)
    GROUP BY grp
)
SELECT grp,
    coalesce(sum(refused), 0) AS num,
    coalesce(sum(refused) + sum(readings) + sum(others), 0) AS den,
    0 AS excluded,
    {'causes': coalesce(any_value(causes), [])} AS detail
FROM seen LEFT JOIN causes USING (grp)
GROUP BY grp

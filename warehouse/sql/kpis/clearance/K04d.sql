-- 清零天数比 Days of the window, up to the as-of, on which no major hazard of the group was out of control at the end of the
-- day (K04b = 1) ÷ days. Normal state: at least $norm_share in each of the last four whole quarters.
WITH periods AS (
    SELECT 0 AS nth, shanghai_day($window_from) AS first_on,
        least(shanghai_day($window_to - INTERVAL 1 MICROSECOND), shanghai_day($as_of)) AS last_on
    UNION ALL
    SELECT nth,
        CAST(date_trunc('quarter', shanghai_day($as_of) + 1) - INTERVAL 3 MONTH * nth AS DATE) AS first_on,
        CAST(date_trunc('quarter', shanghai_day($as_of) + 1) - INTERVAL 3 MONTH * (nth - 1) - INTERVAL 1 DAY AS DATE)
            AS last_on
    FROM (SELECT 1 AS nth UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4) AS quarters
),
spans AS (
    SELECT grp, nth, greatest(loose_from, first_on) AS a, least(loose_to, last_on) AS z
    FROM clearance_facts JOIN periods ON loose_from <= last_on AND loose_to >= first_on
),
-- days counted once, however many hazards were out of control on them
met AS (
    SELECT grp, nth, a, z, max(z) OVER (
        PARTITION BY grp, nth ORDER BY a, z ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS seen_to
    FROM spans
),
lost AS (
    SELECT grp, nth, sum(greatest(0, date_diff('day', greatest(a, coalesce(seen_to + 1, a)), z) + 1)) AS loose_days
    FROM met GROUP BY grp, nth
),
counted AS (
    SELECT groups.grp AS grp, periods.nth AS nth, first_on, date_diff('day', first_on, last_on) + 1 AS days,
        date_diff('day', first_on, last_on) + 1 - coalesce(loose_days, 0) AS clear_days
    FROM (SELECT DISTINCT grp FROM clearance_facts) AS groups
    CROSS JOIN periods
    LEFT JOIN lost ON lost.grp = groups.grp AND lost.nth = periods.nth
)
SELECT grp,
    max(clear_days) FILTER (nth = 0) AS num,
    max(days) FILTER (nth = 0) AS den,
    0 AS excluded,
    {
        'normal': bool_and(clear_days >= $norm_share * days) FILTER (nth > 0),
        'quarters': list({'from': first_on, 'days': days, 'clear': clear_days} ORDER BY first_on) FILTER (nth > 0)
    } AS detail
FROM counted
GROUP BY grp

-- 抖动与陈旧报警 Alarms with three moves (raises and returns) in 60 s, the third in the window; and alarms that came to have
-- stood for 24 h in the window. A count: no denominator.
SELECT grp,
    count(DISTINCT alarm_id) FILTER (chattered) + count(DISTINCT alarm_id) FILTER (stale) AS num,
    NULL AS den,
    0 AS excluded,
    {
        'chattering': count(DISTINCT alarm_id) FILTER (chattered),
        'stale': count(DISTINCT alarm_id) FILTER (stale),
        'chattering_list': list_sort(list(DISTINCT alarm_id) FILTER (chattered))[1:10],
        'stale_list': list_sort(list(DISTINCT alarm_id) FILTER (stale))[1:10]
    } AS detail
FROM (
    SELECT *,
        coalesce(chattered_at >= $window_from AND chattered_at < $window_to, false) AS chattered,
        coalesce(
            stale_at >= $window_from AND stale_at < $window_to AND stale_at <= $as_of
            AND (returned_at IS NULL OR returned_at > stale_at), false
        ) AS stale
    FROM (SELECT *, raised_at + INTERVAL 24 HOURS AS stale_at FROM alarm_facts)
)
GROUP BY grp

-- 首限按期整改率 First deadline in the window: closed by it, and that closing still in force ÷ all, over M.
SELECT grp,
    count(*) FILTER (fell_due AND on_time) AS num,
    count(*) FILTER (fell_due) AS den,
    count(*) FILTER (in_m AND due0 IS NULL) AS excluded
FROM (
    SELECT *,
        in_m AND due0 IS NOT NULL AND shanghai_day_last(due0) >= $window_from AND shanghai_day_last(due0) < $window_to
            AS fell_due,
        coalesce(closed_at <= shanghai_day_last(due0), false) AS on_time
    FROM hazard_facts
)
GROUP BY grp

-- 执法闭环 Orders due in the window: checked again by then ÷ all.
SELECT grp,
    count(*) FILTER (fell_due AND rechecked_at <= shanghai_day_last(due)) AS num,
    count(*) FILTER (fell_due) AS den,
    count(*) FILTER (order_at IS NOT NULL AND due IS NULL) AS excluded
FROM (
    SELECT *,
        order_at IS NOT NULL AND due IS NOT NULL AND shanghai_day_last(due) >= $window_from
            AND shanghai_day_last(due) < $window_to AS fell_due
    FROM programme_facts
)
GROUP BY grp

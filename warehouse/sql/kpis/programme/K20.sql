-- 任务按期完成率 Tasks due in the window: done by then ÷ all. Per action and lead department by grouping.
SELECT grp,
    count(*) FILTER (fell_due AND task_done_at <= shanghai_day_last(due)) AS num,
    count(*) FILTER (fell_due) AS den,
    count(*) FILTER (task_at IS NOT NULL AND due IS NULL) AS excluded,
    {'late': list({'task': title, 'lead': department_id, 'due': due} ORDER BY due, title)
        FILTER (fell_due AND NOT coalesce(task_done_at <= shanghai_day_last(due), false))} AS detail
FROM (
    SELECT *,
        task_at IS NOT NULL AND due IS NOT NULL AND shanghai_day_last(due) >= $window_from
            AND shanghai_day_last(due) < $window_to AS fell_due
    FROM programme_facts
)
GROUP BY grp

-- 按期整改率 Deadline in the window: closed by it ÷ all, over M. A closing answers only the deadline of its own cycle.
SELECT grp,
    count(*) FILTER (fell_due AND on_time) AS num,
    count(*) FILTER (fell_due) AS den,
    count(*) FILTER (in_m AND due IS NULL) AS excluded,
    {'late': list({
        'hazard_id': hazard_id, 'due': due, 'closed_on': shanghai_day(due_answered_at)
    } ORDER BY due, hazard_id) FILTER (fell_due AND NOT on_time)} AS detail
FROM (
    SELECT *,
        in_m AND due IS NOT NULL AND shanghai_day_last(due) >= $window_from AND shanghai_day_last(due) < $window_to
            AS fell_due,
        coalesce(due_answered_at <= shanghai_day_last(due), false) AS on_time
    FROM hazard_facts
)
GROUP BY grp

-- 四防措施完成率 Measures due in the window: verified ÷ all, and for each of the four kinds.
SELECT grp,
    count(*) FILTER (fell_due AND verified_at IS NOT NULL) AS num,
    count(*) FILTER (fell_due) AS den,
    0 AS excluded,
    {
        'people': {'verified': count(*) FILTER (fell_due AND what = 'people' AND verified_at IS NOT NULL),
            'due': count(*) FILTER (fell_due AND what = 'people')},
        'technology': {'verified': count(*) FILTER (fell_due AND what = 'technology' AND verified_at IS NOT NULL),
            'due': count(*) FILTER (fell_due AND what = 'technology')},
        'engineering': {'verified': count(*) FILTER (fell_due AND what = 'engineering' AND verified_at IS NOT NULL),
            'due': count(*) FILTER (fell_due AND what = 'engineering')},
        'management': {'verified': count(*) FILTER (fell_due AND what = 'management' AND verified_at IS NOT NULL),
            'due': count(*) FILTER (fell_due AND what = 'management')}
    } AS detail
FROM (
    SELECT *,
        coalesce(measure_at IS NOT NULL AND shanghai_day_last(due) >= $window_from
            AND shanghai_day_last(due) < $window_to, false) AS fell_due
    FROM programme_facts
)
GROUP BY grp

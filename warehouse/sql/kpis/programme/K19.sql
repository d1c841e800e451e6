-- 办实事解难题 Problems studied and solved in the window, with evidence. A unit needs ten a year; `behind` compares with the
-- day of the year. Excluded: problems said to be solved without evidence or without ever being studied.
SELECT grp,
    sum(solved) AS num,
    NULL AS den,
    sum(unproved) AS excluded,
    {'units': list({
        'unit': department_id, 'solved': solved, 'progress': least(1.0, solved / 10.0), 'passed': solved >= 10,
        'behind': solved < 10.0 * dayofyear(shanghai_day($as_of)) / 365
    } ORDER BY department_id) FILTER (department_id IS NOT NULL)} AS detail
FROM (
    SELECT grp, department_id,
        count(*) FILTER (fell AND proved) AS solved,
        count(*) FILTER (fell AND NOT proved) AS unproved
    FROM (
        SELECT *,
            coalesce(solved_at >= $window_from AND solved_at < $window_to, false) AS fell,
            coalesce(studied_at >= $window_from AND studied_at <= solved_at, false) AND coalesce(evidence, '') <> ''
                AS proved
        FROM programme_facts WHERE problem_at IS NOT NULL OR subject_id IS NULL
    )
    GROUP BY grp, department_id
)
GROUP BY grp

-- 双报告及时率 First judged major in the window: reported to the regulator within $report_h hours and to the workers'
-- congress ÷ all, over M. A report made before the judgement was in time.
SELECT grp,
    count(*) FILTER (asked AND in_time AND congress_told_at IS NOT NULL) AS num,
    count(*) FILTER (asked) AS den,
    0 AS excluded,
    {
        'regulator_late': count(*) FILTER (asked AND regulator_told_at IS NOT NULL AND NOT in_time),
        'regulator_never': count(*) FILTER (asked AND regulator_told_at IS NULL),
        'congress_never': count(*) FILTER (asked AND congress_told_at IS NULL)
    } AS detail
FROM (
    SELECT *,
        coalesce(in_m AND is_found AND major_since >= $window_from AND major_since < $window_to, false) AS asked,
        coalesce(epoch_us(regulator_told_at) - epoch_us(major_since) <= $report_h * 3600000000, false) AS in_time
    FROM hazard_facts
)
GROUP BY grp

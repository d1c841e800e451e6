-- 防数字清零 Closings in the window (those in force) that bear a sign of clearing on paper ÷ closings, over M: nothing shown
-- as proof, or closed by who rectified. Beside them, what also deserves a look: closings of the last three days of a month,
-- and major hazards that left M (downgraded, voided) without having been closed.
SELECT grp,
    count(*) FILTER (asked AND (unproven OR own)) AS num,
    count(*) FILTER (asked) AS den,
    0 AS excluded,
    {
        'unproven': count(*) FILTER (asked AND unproven),
        'by_the_rectifier': count(*) FILTER (asked AND own),
        'at_the_end_of_a_month': count(*) FILTER (asked
            AND date_trunc('month', shanghai_day(closed_at) + 3) > date_trunc('month', shanghai_day(closed_at))),
        'left_by_decision': count(*) FILTER (coalesce(verdict = 'major' AND closed_at IS NULL
            AND left_m_at >= $window_from AND left_m_at < $window_to, false)),
        'hazards': list({'hazard_id': hazard_id, 'unproven': unproven, 'by_the_rectifier': own} ORDER BY hazard_id)
            FILTER (asked AND (unproven OR own))
    } AS detail
FROM (
    SELECT *,
        coalesce(in_m AND closed_at >= $window_from AND closed_at < $window_to, false) AS asked,
        coalesce(proofs, 0) = 0 AS unproven,
        coalesce(closed_by = rectified_by, false) AS own
    FROM hazard_facts
)
GROUP BY grp

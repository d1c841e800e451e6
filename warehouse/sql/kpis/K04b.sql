-- 动态清零 1 if every open major hazard is under control: within its deadline, its five items complete (K09), an interim
-- control in force or production stopped, and not open again for longer than the grace. What is not is listed with why.
SELECT grp,
    CASE WHEN count(*) FILTER (loose) = 0 THEN 1 ELSE 0 END AS num,
    1 AS den,
    count(*) FILTER (in_m AND is_open) AS counted,  -- a closed hazard is no member
    count(*) FILTER (in_m AND found_at IS NULL) AS excluded,
    {
        'open': count(*) FILTER (in_m AND is_open),
        'overdue': count(*) FILTER (loose AND is_late),
        'five_items': count(*) FILTER (loose AND NOT has_five),
        'interim_control': count(*) FILTER (loose AND is_bare),
        'reopened': count(*) FILTER (loose AND is_back),
        'hazards': list({
            'hazard_id': hazard_id, 'due': due, 'overdue': is_late, 'five_items': NOT has_five,
            'interim_control': is_bare, 'reopened': is_back
        } ORDER BY hazard_id) FILTER (loose)
    } AS detail
FROM (
    SELECT *, coalesce(in_m AND is_open AND (is_late OR is_bare OR is_back OR NOT has_five), false) AS loose
    FROM (
        SELECT *,
            coalesce(is_overdue, false) AS is_late,
            NOT has_interim AND NOT is_stopped AS is_bare,
            coalesce(cycle > 1 AND shanghai_day($as_of) - shanghai_day(reopened_at) > $grace_days, false) AS is_back
        FROM hazard_facts
    )
)
GROUP BY grp

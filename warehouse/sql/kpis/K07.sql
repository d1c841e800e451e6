-- 超期 Open past the deadline in force, over M, by age in days. A hazard without a plan has no deadline: excluded.
SELECT grp,
    count(*) FILTER (late) AS num,
    NULL AS den,
    count(*) FILTER (in_m AND is_open AND due IS NULL) AS excluded,
    {
        'buckets': {
            '1-7': count(*) FILTER (late AND days <= 7),
            '8-30': count(*) FILTER (late AND days BETWEEN 8 AND 30),
            '31-90': count(*) FILTER (late AND days BETWEEN 31 AND 90),
            '>90': count(*) FILTER (late AND days > 90)
        },
        'hazards': list({'hazard_id': hazard_id, 'due': due, 'days': days} ORDER BY days DESC, hazard_id) FILTER (late)
    } AS detail
FROM (SELECT *, in_m AND is_overdue AS late, shanghai_day($as_of) - due AS days FROM hazard_facts)
GROUP BY grp

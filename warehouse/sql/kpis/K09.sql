-- 五落实完整率 Open major hazards whose plan names person and unit, measures, funds, time limit and contingency plan ÷ open.
SELECT grp,
    count(*) FILTER (standing AND has_five) AS num,
    count(*) FILTER (standing) AS den,
    count(*) FILTER (in_m AND found_at IS NULL) AS excluded,
    {
        'responsibility': count(*) FILTER (standing AND (coalesce(plan->>'$.responsible_person', '') = ''
            OR coalesce(plan->>'$.responsible_unit', '') = '')),
        'measures': count(*) FILTER (standing AND plan->>'$.measures[0].kind' IS NULL),
        'funds': count(*) FILTER (standing AND plan->>'$.funds' IS NULL),
        'time_limit': count(*) FILTER (standing AND due IS NULL),
        'contingency_plan': count(*) FILTER (standing AND coalesce(plan->>'$.contingency_plan', '') = '')
    } AS detail
FROM (SELECT *, in_m AND is_open AS standing FROM hazard_facts)
GROUP BY grp

-- 治本率 Closed M whose plan has a measure of technology or engineering ÷ closed M. Excluded: closed without any plan.
SELECT grp,
    count(*) FILTER (cleared AND at_the_root) AS num,
    count(*) FILTER (cleared AND plan IS NOT NULL) AS den,
    count(*) FILTER (cleared AND plan IS NULL) AS excluded
FROM (
    SELECT *, in_m AND is_found AND NOT is_open AS cleared,
        coalesce(list_has_any((plan->>'$.measures[*].kind')::VARCHAR[], ['technology', 'engineering']), false)
            AS at_the_root
    FROM hazard_facts
)
GROUP BY grp

-- 漏查率 M found by department, report or accident although a self-check of the $miss_days days before had covered the clause
-- at the site ÷ M from those sources. Excluded: no self-check of the enterprise is on record at all, or one may have
-- covered it but does not say its site or clauses, or the hazard's clause is not known.
WITH hazards AS (
    SELECT subject_id, site_id, enterprise_id, criterion_id, root_criterion_id,
        shanghai_day_start(shanghai_day(major_found_at)) AS found_on
    FROM programme_at
    WHERE major_found_at IS NOT NULL AND source IN ('department', 'report', 'accident') AND criterion_id IS NOT NULL
),
asked AS (
    SELECT *, 'site/' || site_id AS whose FROM hazards
    UNION ALL SELECT *, 'enterprise/' || enterprise_id AS whose FROM hazards
),
self_checks AS (
    SELECT inspected_at, site_id, criteria, 'site/' || site_id AS whose
    FROM programme_at WHERE inspected_at IS NOT NULL AND what = 'self'
    UNION ALL
    SELECT inspected_at, site_id, criteria, 'enterprise/' || enterprise_id AS whose
    FROM programme_at WHERE inspected_at IS NOT NULL AND what = 'self'
),
held_against AS (
    SELECT subject_id, is_before AND is_site AND is_clause AS covers,
        is_before AND coalesce(is_site, true) AND coalesce(is_clause, true) AS may_cover
    FROM (
        SELECT asked.subject_id AS subject_id, self_checks.site_id = asked.site_id AS is_site,
            contains(criteria, '"' || criterion_id || '"') OR contains(criteria, '"' || root_criterion_id || '"')
                AS is_clause,
            epoch_us(found_on) - epoch_us(inspected_at) BETWEEN 1 AND $miss_days * 86400000000 AS is_before
        FROM asked JOIN self_checks ON self_checks.whose = asked.whose
    )
),
told AS (
    SELECT subject_id, coalesce(bool_or(covers), false) AS was_checked,
        coalesce(bool_or(covers), false) OR NOT bool_or(may_cover) AS sure
    FROM held_against GROUP BY subject_id
)
SELECT grp,
    count(*) FILTER (was_checked) AS num,
    count(*) FILTER (sure) AS den,
    count(*) FILTER (major_found_at IS NOT NULL AND source IN ('department', 'report', 'accident')
        AND NOT coalesce(sure, false)) AS excluded,
    {'hazards': list(facts.subject_id ORDER BY facts.subject_id) FILTER (was_checked)} AS detail
FROM programme_facts AS facts LEFT JOIN told ON told.subject_id = facts.subject_id
GROUP BY grp

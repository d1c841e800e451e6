-- 动态清零率 Units (enterprises, and sites that name none) with no major hazard out of control at the as-of ÷ units in scope:
-- those registered, and those that had a hazard.
SELECT grp,
    count(DISTINCT unit) - count(DISTINCT unit) FILTER (loose_now) AS num,
    count(DISTINCT unit) AS den,
    0 AS excluded,
    {'units': list(DISTINCT unit ORDER BY unit) FILTER (loose_now)} AS detail
FROM (
    SELECT *, coalesce(loose_from <= shanghai_day($as_of) AND loose_to >= shanghai_day($as_of), false) AS loose_now
    FROM clearance_facts
)
GROUP BY grp

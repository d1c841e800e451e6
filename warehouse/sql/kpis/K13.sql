-- 举一反三覆盖率 Sites similar to that of a closed M, counted for each such hazard: checked ÷ all. Similar are the sites that a
-- check was opened for; `yield` is hits ÷ sites checked. Excluded: closed M for which none was opened.
SELECT grp,
    coalesce(sum(similar_done) FILTER (cleared), 0) AS num,
    coalesce(sum(similar_sites) FILTER (cleared), 0) AS den,
    count(*) FILTER (cleared AND similar_sites IS NULL) AS excluded,
    {
        'hits': coalesce(sum(similar_hits) FILTER (cleared), 0)::BIGINT,
        'yield': sum(similar_hits) FILTER (cleared) / nullif(sum(similar_done) FILTER (cleared), 0),
        'hazards': list({'hazard_id': hazard_id, 'unchecked': similar_sites - similar_done} ORDER BY hazard_id)
            FILTER (cleared AND similar_sites > similar_done)
    } AS detail
FROM (SELECT *, in_m AND is_found AND NOT is_open AS cleared FROM hazard_facts)
GROUP BY grp

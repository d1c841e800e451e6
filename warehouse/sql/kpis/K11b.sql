-- 督办按期摘牌率 Supervisions due in the window: lifted by the end of the due day ÷ all, over M. Every order counts with its
-- own due day and the first lifting after it. Excluded: orders without a due day.
SELECT grp,
    coalesce(sum(lifted), 0) AS num,
    coalesce(sum(fallen_due), 0) AS den,
    coalesce(sum(endless), 0) AS excluded,
    {'late': list(hazard_id ORDER BY hazard_id) FILTER (fallen_due > lifted)} AS detail
FROM hazard_facts LEFT JOIN (
    SELECT hazard_id,
        count(*) FILTER (fell_due) AS fallen_due,
        count(*) FILTER (fell_due AND lifted_at <= shanghai_day_last(due)) AS lifted,
        count(*) FILTER (due IS NULL) AS endless
    FROM (
        SELECT hazard_id, said.due AS due, said.lifted_at AS lifted_at,
            coalesce(shanghai_day_last(said.due) >= $window_from AND shanghai_day_last(said.due) < $window_to, false)
                AS fell_due
        FROM (SELECT hazard_id, unnest(supervisions) AS said FROM facts_at WHERE in_m)
    )
    GROUP BY hazard_id
) AS counted USING (hazard_id)
GROUP BY grp

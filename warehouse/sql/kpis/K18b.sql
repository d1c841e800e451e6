-- 确责时长 Hours from registered to the first lead department, a median over M registered in the window. Excluded: those
-- that nobody leads yet.
SELECT grp,
    count(*) FILTER (asked AND hours IS NOT NULL) AS num,
    count(*) FILTER (asked) AS den,
    median(hours) FILTER (asked) AS value,
    count(*) FILTER (asked AND hours IS NULL) AS excluded
FROM (
    SELECT *,
        coalesce(in_m AND is_found AND registered_at >= $window_from AND registered_at < $window_to, false) AS asked,
        CASE WHEN assigned_at < registered_at THEN 0.0
            ELSE (epoch_us(assigned_at) - epoch_us(registered_at)) / 3600000000.0 END AS hours
    FROM hazard_facts
)
GROUP BY grp

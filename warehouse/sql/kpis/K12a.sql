-- 一次验收合格率 First passed acceptance in the window: none failed before it ÷ all, over M.
SELECT grp,
    count(*) FILTER (asked AND coalesce(first_rejected_at > first_accepted_at, true)) AS num,
    count(*) FILTER (asked) AS den,
    count(*) FILTER (in_m AND is_found AND NOT is_open AND first_accepted_at IS NULL) AS excluded
FROM (
    SELECT *, coalesce(in_m AND first_accepted_at >= $window_from AND first_accepted_at < $window_to, false) AS asked
    FROM hazard_facts
)
GROUP BY grp

-- 增量 Major hazards found in the window and after 2023: a count, to be read beside K03b-K03d; more found can be better work.
SELECT grp,
    count(*) FILTER (in_m AND is_found AND found_at >= TIMESTAMPTZ '2024-01-01 00:00:00+08'
        AND found_at >= $window_from AND found_at < $window_to) AS num,
    NULL AS den,
    count(*) FILTER (in_m AND found_at IS NULL) AS excluded
FROM hazard_facts
GROUP BY grp

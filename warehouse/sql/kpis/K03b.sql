-- 净增 The increment of the window (K03a) less all M whose closing in force lies in the window; below 0 the number falls.
SELECT grp, found - closed AS num, NULL AS den, excluded, {'found': found, 'closed': closed} AS detail
FROM (
    SELECT grp,
        count(*) FILTER (in_m AND is_found AND found_at >= TIMESTAMPTZ '2024-01-01 00:00:00+08'
            AND found_at >= $window_from AND found_at < $window_to) AS found,
        count(*) FILTER (in_m AND closed_at >= $window_from AND closed_at < $window_to) AS closed,
        count(*) FILTER (in_m AND found_at IS NULL) AS excluded
    FROM hazard_facts
    GROUP BY grp
)

-- 增量遏制指数 Major hazards found in the window per inspection of it ÷ the same for the same window a year before. More found
-- can be better work: the index stands beside K03a, K03b and K03d.
SELECT grp, num, den, num / nullif(den, 0) AS value, 0 AS excluded,
    {'found': found, 'inspections': inspections, 'found_before': found_before, 'inspections_before': inspections_before}
        AS detail
FROM (
    SELECT *, found / nullif(inspections, 0) AS num, found_before / nullif(inspections_before, 0) AS den
    FROM (
        SELECT grp,
            count(*) FILTER (major_found_at >= $window_from AND major_found_at < $window_to) AS found,
            count(*) FILTER (inspected_at >= $window_from AND inspected_at < $window_to) AS inspections,
            count(*) FILTER (major_found_at >= $window_from::TIMESTAMPTZ - INTERVAL 1 YEAR
                AND major_found_at < $window_to::TIMESTAMPTZ - INTERVAL 1 YEAR) AS found_before,
            count(*) FILTER (inspected_at >= $window_from::TIMESTAMPTZ - INTERVAL 1 YEAR
                AND inspected_at < $window_to::TIMESTAMPTZ - INTERVAL 1 YEAR) AS inspections_before
        FROM programme_facts
        GROUP BY grp
    )
)

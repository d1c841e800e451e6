-- 帮扶覆盖率 Enterprises planned for the years of the window that experts visited in the window ÷ planned. Beside them the
-- visits, findings per visit that states them, and visits to enterprises nobody had planned. Excluded: visits to nobody named.
SELECT grp,
    count(DISTINCT enterprise_id) FILTER (planned AND was_visited) AS num,
    count(DISTINCT enterprise_id) FILTER (planned) AS den,
    count(*) FILTER (visited AND coalesce(enterprise_id, '') = '') AS excluded,
    {
        'visits': count(*) FILTER (visited),
        'findings_per_visit': sum(findings) FILTER (visited)
            / nullif(count(*) FILTER (visited AND findings IS NOT NULL), 0),
        'unplanned': count(*) FILTER (visited AND NOT was_planned),
        'without': list_sort(list(DISTINCT enterprise_id) FILTER (planned AND NOT was_visited))
    } AS detail
FROM (
    SELECT facts.*,
        coalesce(what = 'help' AND inspected_at >= $window_from AND inspected_at < $window_to, false) AS visited,
        coalesce(help_planned_at IS NOT NULL AND year BETWEEN year(shanghai_day($window_from))
            AND year(shanghai_day($window_to::TIMESTAMPTZ - INTERVAL 1 MICROSECOND)), false) AS planned,
        coalesce(any_visit, false) AS was_visited,
        coalesce(any_plan, false) AS was_planned
    FROM programme_facts AS facts LEFT JOIN (
        SELECT enterprise_id AS helped,
            bool_or(what = 'help' AND inspected_at >= $window_from AND inspected_at < $window_to) AS any_visit,
            bool_or(help_planned_at IS NOT NULL AND year BETWEEN year(shanghai_day($window_from))
                AND year(shanghai_day($window_to::TIMESTAMPTZ - INTERVAL 1 MICROSECOND))) AS any_plan
        FROM programme_at WHERE enterprise_id <> '' GROUP BY enterprise_id
    ) AS told ON helped = enterprise_id
)
GROUP BY grp

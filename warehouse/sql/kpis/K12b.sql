-- 反弹率 Closed in the window and back within $rebound_days days ÷ closed in the window, over M; each hazard once. Back is a
-- reopening, or another major hazard found later at the same site under the same clause (in whichever edition). Null
-- until every closing of the window has had its days; `detail` says when that is, and gives the last year that has.
WITH closed AS (
    SELECT hazard_id, site_id, criterion_id, root_criterion_id, said.closed_at AS closed_at,
        said.reopened_at AS reopened_at
    FROM (SELECT *, unnest(closings) AS said FROM facts_at WHERE in_m AND is_found)
),
back AS (
    SELECT closed.hazard_id AS hazard_id, closed.closed_at AS closed_at,
        coalesce(bool_or(
            epoch_us(closed.reopened_at) - epoch_us(closed.closed_at) <= $rebound_days * 86400000000
            OR epoch_us(again.found_at) - epoch_us(closed.closed_at) <= $rebound_days * 86400000000
        ), false) AS is_back
    FROM closed LEFT JOIN facts_at AS again
        ON again.site_id = closed.site_id AND again.hazard_id <> closed.hazard_id
        AND again.in_m AND again.is_found AND again.found_at > closed.closed_at
        AND (again.criterion_id = closed.criterion_id OR again.root_criterion_id = closed.root_criterion_id)
    GROUP BY closed.hazard_id, closed.closed_at
),
counted AS (
    SELECT hazard_id,
        bool_or(in_window) AS asked,
        bool_or(in_window AND is_back) AS rebounded,
        bool_or(in_year) AS asked_before,
        bool_or(in_year AND is_back) AS rebounded_before
    FROM (
        SELECT *, closed_at >= $window_from AND closed_at < $window_to AS in_window,
            epoch_us($as_of) - epoch_us(closed_at) BETWEEN $rebound_days * 86400000000 - 1
                AND ($rebound_days + 365) * 86400000000 - 2 AS in_year
        FROM back
    )
    GROUP BY hazard_id
)
SELECT grp,
    CASE WHEN epoch_us($as_of) + 1 >= epoch_us($window_to) + $rebound_days * 86400000000
        THEN count(*) FILTER (rebounded) END AS num,
    count(*) FILTER (asked) AS den,
    CASE WHEN epoch_us($as_of) + 1 >= epoch_us($window_to) + $rebound_days * 86400000000 AND count(*) FILTER (asked) > 0
        THEN count(*) FILTER (rebounded) / count(*) FILTER (asked) END AS value,
    count(*) FILTER (in_m AND found_at IS NULL) AS excluded,
    {
        'final_on': shanghai_day($window_to - INTERVAL 1 MICROSECOND) + $rebound_days::INTEGER,
        'final_year': {
            'to': shanghai_day($as_of) - $rebound_days::INTEGER,
            'rebounded': count(*) FILTER (rebounded_before),
            'closed': count(*) FILTER (asked_before)
        },
        'hazards': list({'hazard_id': hazard_id} ORDER BY hazard_id) FILTER (rebounded)
    } AS detail
FROM hazard_facts LEFT JOIN counted USING (hazard_id)
GROUP BY grp

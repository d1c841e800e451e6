-- The life of every hazard as spans of days with one state each, the state at the end of the day; the readings are
-- those of hazards_as_of. Of a closing and a reopening at one instant the closing comes last.
WITH registered AS (
    SELECT subject_id AS hazard_id, first(data ORDER BY recorded_at, kafka_at, "offset") AS r,
        first(site_id ORDER BY recorded_at, kafka_at, "offset") AS site_id
    FROM hazard_events WHERE kind = 'hazard_registered' GROUP BY ALL
),
events AS (
    SELECT subject_id AS hazard_id, shanghai_day(occurred_at) AS day, kind, data, occurred_at,
        row_number() OVER (PARTITION BY subject_id ORDER BY occurred_at, recorded_at, kafka_at, "offset") AS nth
    FROM hazard_events
),
changes AS (
    SELECT hazard_id, day,
        last(data->>'$.verdict' ORDER BY nth) FILTER (kind = 'hazard_judged') AS verdict,
        bool_or(kind IN ('hazard_voided', 'hazard_merged', 'hazard_downgraded')) AS left_m,
        last(kind ORDER BY occurred_at, kind DESC, nth) FILTER (kind IN ('hazard_closed', 'hazard_reopened')) AS turn,
        last(due_day(coalesce(data->>'$.due_at', data->>'$.new_due_at')) ORDER BY nth) FILTER (
            (kind = 'plan_approved' OR (kind = 'extension_decided' AND data->>'$.approved' = 'true'))
            AND due_day(coalesce(data->>'$.due_at', data->>'$.new_due_at')) IS NOT NULL
        ) AS due
    FROM events GROUP BY ALL
    UNION ALL BY NAME
    SELECT hazard_id, found_on AS day
    FROM (SELECT hazard_id, shanghai_day(instant(r->>'$.found_at')) AS found_on FROM registered)
    JOIN (SELECT hazard_id, min(day) AS first_on FROM events GROUP BY ALL) USING (hazard_id)
    WHERE found_on > first_on
),
days AS (
    SELECT hazard_id, day, max(verdict) AS verdict, bool_or(coalesce(left_m, false)) AS left_m, max(turn) AS turn,
        max(due) AS due
    FROM changes GROUP BY ALL
),
states AS (
    SELECT hazard_id, day,
        coalesce(last_value(verdict IGNORE NULLS) OVER life = 'major', false) AND NOT bool_or(left_m) OVER life
            AS is_major,
        coalesce(last_value(turn IGNORE NULLS) OVER life, '') <> 'hazard_closed' AS not_closed,
        last_value(due IGNORE NULLS) OVER life AS due
    FROM days
    WINDOW life AS (PARTITION BY hazard_id ORDER BY day ROWS UNBOUNDED PRECEDING)
),
found AS (
    SELECT states.*, r, site_id, coalesce(day >= shanghai_day(instant(r->>'$.found_at')), false) AS is_found
    FROM states LEFT JOIN registered USING (hazard_id)
),
turns AS (
    SELECT *, is_found AND not_closed AS is_open
    FROM found
    QUALIFY (is_major, is_found AND not_closed, due, is_found)
        IS DISTINCT FROM lag((is_major, is_found AND not_closed, due, is_found)) OVER (PARTITION BY hazard_id ORDER BY day)
)
SELECT
    hazard_id,
    day AS valid_from,
    coalesce(lead(day) OVER (PARTITION BY hazard_id ORDER BY day) - 1, DATE '9999-12-31') AS valid_to,
    is_major,
    is_open,
    is_found,
    due,
    site_id,
    r->>'$.region' AS region,
    r->>'$.industry' AS industry,
    r->>'$.enterprise_id' AS enterprise_id,
    shanghai_day(instant(r->>'$.found_at')) AS found_on
FROM turns

-- When each major hazard was out of control (K04b), as spans of whole Shanghai days up to $as_of, as known at $known_as_of;
-- a day is judged as it stood at its end. Units are enterprises, and sites that name none. A registered site without any
-- such span is there with nulls: it is in scope and clear.
WITH known AS (
    SELECT * FROM hazard_events WHERE $known_as_of::TIMESTAMPTZ IS NULL OR recorded_at <= $known_as_of
),
registered AS (
    SELECT subject_id AS hazard_id, first(data ORDER BY recorded_at, kafka_at, "offset") AS r,
        first(site_id ORDER BY recorded_at, kafka_at, "offset") AS site_id
    FROM known WHERE kind = 'hazard_registered' GROUP BY ALL
),
past AS (
    SELECT subject_id AS hazard_id, shanghai_day(occurred_at) AS day, kind, data, occurred_at,
        row_number() OVER (PARTITION BY subject_id ORDER BY occurred_at, recorded_at, kafka_at, "offset") AS nth
    FROM known WHERE occurred_at <= $as_of
),
-- a reopening at the very instant of a closing is not after it
turns AS (
    SELECT hazard_id, nth, kind = 'hazard_reopened' AND 'hazard_closed' = lag(kind) OVER (
        PARTITION BY hazard_id ORDER BY occurred_at, kind DESC, nth
    ) AS begins
    FROM past WHERE kind IN ('hazard_closed', 'hazard_reopened')
),
changes AS (
    SELECT hazard_id, day,
        last(data->>'$.verdict' ORDER BY nth) FILTER (kind = 'hazard_judged') AS verdict,
        bool_or(kind IN ('hazard_voided', 'hazard_merged', 'hazard_downgraded')) AS left_m,
        last(kind ORDER BY occurred_at, kind DESC, nth) FILTER (kind IN ('hazard_closed', 'hazard_reopened')) AS turn,
        coalesce(bool_or(begins), false) AS begins,
        max(day) FILTER (kind = 'hazard_reopened') AS reopened_on,
        last(due_day(coalesce(data->>'$.due_at', data->>'$.new_due_at')) ORDER BY nth) FILTER (
            (kind = 'plan_approved' OR (kind = 'extension_decided' AND data->>'$.approved' = 'true'))
            AND due_day(coalesce(data->>'$.due_at', data->>'$.new_due_at')) IS NOT NULL
        ) AS due,
        last(data ORDER BY nth) FILTER (kind = 'plan_approved') AS plan,
        coalesce(bool_or(kind IN ('interim_control_set', 'plan_approved')
            AND coalesce(data->>'$.text', data->>'$.interim_control', '') <> ''), false) AS controlled,
        last(kind ORDER BY nth) FILTER (kind IN ('production_stopped', 'production_resumed')) AS production
    FROM past LEFT JOIN turns USING (hazard_id, nth)
    GROUP BY ALL
    UNION ALL
    SELECT hazard_id, found_on AS day, NULL AS verdict, false AS left_m, NULL AS turn, false AS begins,
        NULL AS reopened_on, NULL AS due, NULL AS plan, false AS controlled, NULL AS production
    FROM (SELECT hazard_id, shanghai_day(instant(r->>'$.found_at')) AS found_on FROM registered)
    JOIN (SELECT hazard_id, min(day) AS first_on, max(day) AS last_on FROM past GROUP BY ALL) USING (hazard_id)
    WHERE found_on > first_on AND found_on <= shanghai_day($as_of)
),
days AS (
    SELECT hazard_id, day, max(verdict) AS verdict, bool_or(left_m) AS left_m, max(turn) AS turn,
        bool_or(begins) AS begins, max(reopened_on) AS reopened_on, max(due) AS due, max(plan) AS plan,
        bool_or(controlled) AS controlled, max(production) AS production
    FROM changes GROUP BY ALL
),
states AS (
    SELECT hazard_id, day,
        coalesce(lead(day) OVER (PARTITION BY hazard_id ORDER BY day) - 1, shanghai_day($as_of)) AS until,
        coalesce(last_value(verdict IGNORE NULLS) OVER life = 'major', false) AND NOT bool_or(left_m) OVER life AS in_m,
        coalesce(last_value(turn IGNORE NULLS) OVER life, '') <> 'hazard_closed' AS not_closed,
        CASE WHEN bool_or(begins) OVER life THEN max(reopened_on) OVER life END AS reopened_on,
        last_value(due IGNORE NULLS) OVER life AS due,
        last_value(plan IGNORE NULLS) OVER life AS plan,
        NOT bool_or(controlled) OVER life
            AND coalesce(last_value(production IGNORE NULLS) OVER life, '') <> 'production_stopped' AS is_bare
    FROM days
    WINDOW life AS (PARTITION BY hazard_id ORDER BY day ROWS UNBOUNDED PRECEDING)
),
loose AS (
    SELECT hazard_id, until AS loose_to,
        CASE
            WHEN is_bare OR due IS NULL OR coalesce(plan->>'$.responsible_person', '') = ''
                OR coalesce(plan->>'$.responsible_unit', '') = '' OR plan->>'$.measures[0].kind' IS NULL
                OR plan->>'$.funds' IS NULL OR coalesce(plan->>'$.contingency_plan', '') = '' THEN day
            ELSE greatest(day, least(due + 1, coalesce(reopened_on + $grace_days::INTEGER + 1, due + 1)))
        END AS loose_from,
        registered.site_id AS site_id, r
    FROM states JOIN registered USING (hazard_id)
    WHERE in_m AND not_closed AND day >= shanghai_day(instant(r->>'$.found_at'))
)
SELECT
    hazard_id, loose_from, loose_to, loose.site_id AS site_id,
    coalesce(nullif(r->>'$.enterprise_id', ''), nullif(sites.enterprise_id, ''), loose.site_id) AS unit,
    coalesce(nullif(r->>'$.enterprise_id', ''), sites.enterprise_id) AS enterprise_id,
    coalesce(nullif(r->>'$.region', ''), sites.region) AS region,
    coalesce(nullif(r->>'$.industry', ''), sites.industry) AS industry
FROM loose LEFT JOIN sites ON sites.site_id = loose.site_id
WHERE loose_from <= loose_to
UNION ALL BY NAME
-- a unit that once had a hazard is in scope even where the registry has forgotten it
SELECT registered.site_id AS site_id,
    coalesce(nullif(r->>'$.enterprise_id', ''), nullif(sites.enterprise_id, ''), registered.site_id) AS unit,
    coalesce(nullif(r->>'$.enterprise_id', ''), sites.enterprise_id) AS enterprise_id,
    coalesce(nullif(r->>'$.region', ''), sites.region) AS region,
    coalesce(nullif(r->>'$.industry', ''), sites.industry) AS industry
FROM registered LEFT JOIN sites ON sites.site_id = registered.site_id
WHERE instant(r->>'$.found_at') <= $as_of
UNION ALL BY NAME
SELECT site_id, coalesce(nullif(enterprise_id, ''), site_id) AS unit, enterprise_id, region, industry FROM sites

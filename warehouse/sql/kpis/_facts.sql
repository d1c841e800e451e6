-- Facts of every hazard as of the instant `as_of` (inclusive), as known at `known_as_of` (null: everything recorded).
-- Reads `hazard_events`, which holds the first recorded of every event_id. The readings of the formulas are those of
-- docs/kpis.md; M and open are those of the contracts.
CREATE OR REPLACE MACRO hazards_as_of(as_of, known_as_of) AS TABLE
WITH known AS (
    SELECT * FROM hazard_events WHERE known_as_of IS NULL OR recorded_at <= known_as_of
),
-- Registration says when it was found, which may be before it was registered: it is not cut at as_of, `found_at` is.
registered AS (
    SELECT subject_id AS hazard_id, first(data ORDER BY recorded_at, kafka_at, "offset") AS r,
        first(site_id ORDER BY recorded_at, kafka_at, "offset") AS site_id
    FROM known WHERE kind = 'hazard_registered' GROUP BY ALL
),
past AS (
    SELECT *, row_number() OVER (
        PARTITION BY subject_id ORDER BY occurred_at, recorded_at, kafka_at, "offset"
    ) AS nth
    FROM known WHERE occurred_at <= as_of
),
-- A reopening that follows a closing begins a new cycle. One at the very instant of a closing is not after it.
turns AS (
    SELECT subject_id, nth, kind = 'hazard_reopened' AND 'hazard_closed' = lag(kind) OVER (
        PARTITION BY subject_id ORDER BY occurred_at, kind DESC, nth
    ) AS begins
    FROM past WHERE kind IN ('hazard_closed', 'hazard_reopened')
),
cycled AS (
    SELECT past.*, 1 + coalesce(sum(turns.begins::INTEGER) OVER (
        PARTITION BY subject_id ORDER BY occurred_at RANGE UNBOUNDED PRECEDING
    ), 0) AS cycle
    FROM past LEFT JOIN turns USING (subject_id, nth)
),
dues AS (
    SELECT subject_id, nth, kind, cycle, due_day(coalesce(data->>'$.due_at', data->>'$.new_due_at')) AS due
    FROM cycled
    WHERE kind = 'plan_approved' OR (kind = 'extension_decided' AND data->>'$.approved' = 'true')
),
deadline AS (
    SELECT subject_id AS hazard_id,
        first(due ORDER BY nth) FILTER (kind = 'plan_approved') AS due0,
        last(due ORDER BY nth) AS due,
        last(cycle ORDER BY nth) AS due_cycle
    FROM dues WHERE due IS NOT NULL GROUP BY ALL
),
closing AS (
    SELECT subject_id AS hazard_id, cycle,
        min(occurred_at) FILTER (kind = 'hazard_closed') AS closed_at,
        min(occurred_at) FILTER (kind = 'hazard_reopened') AS began_at
    FROM cycled WHERE kind IN ('hazard_closed', 'hazard_reopened') GROUP BY ALL
),
-- the closing of each cycle, and the reopening that began the next
closings_of AS (
    SELECT hazard_id, list({'closed_at': closed_at, 'reopened_at': next_at}) AS closings
    FROM (SELECT *, lead(began_at) OVER (PARTITION BY hazard_id ORDER BY cycle) AS next_at FROM closing)
    WHERE closed_at IS NOT NULL GROUP BY hazard_id
),
-- each order of supervision, and the first lifting after it
supervisions_of AS (
    SELECT hazard_id, list({'due': due, 'lifted_at': lifted_at}) AS supervisions
    FROM (
        SELECT subject_id AS hazard_id, kind, due_day(data->>'$.due_at') AS due,
            min(CASE WHEN kind = 'supervision_lifted' THEN occurred_at END) OVER (
                PARTITION BY subject_id ORDER BY nth ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
            ) AS lifted_at
        FROM past WHERE kind IN ('supervision_ordered', 'supervision_lifted')
    )
    WHERE kind = 'supervision_ordered' GROUP BY hazard_id
),
similar_sites_of AS (
    SELECT hazard_id, count(*) AS similar_sites, count(hits) AS similar_done, sum(hits) AS similar_hits
    FROM (
        SELECT subject_id AS hazard_id, data->>'$.similar_site_id' AS similar_site_id,
            last(coalesce((data->>'$.hits')::BIGINT, 0) ORDER BY nth) FILTER (kind = 'similar_check_done') AS hits
        FROM past
        WHERE kind IN ('similar_check_opened', 'similar_check_done') AND data->>'$.similar_site_id' <> ''
        GROUP BY ALL
    )
    GROUP BY hazard_id
),
life AS (
    SELECT subject_id AS hazard_id,
        last(data->>'$.verdict' ORDER BY nth) FILTER (kind = 'hazard_judged') AS verdict,
        last(data->>'$.criterion_id' ORDER BY nth) FILTER (kind = 'hazard_judged') AS criterion_id,
        last(data->>'$.criterion_id' ORDER BY nth)
            FILTER (kind = 'hazard_suspected' AND data->>'$.criterion_id' <> '') AS suspected_under,
        last(data->>'$.document_id' ORDER BY nth) FILTER (kind = 'hazard_judged') AS document_id,
        last(data->>'$.catalogue_version' ORDER BY nth) FILTER (kind = 'hazard_judged') AS catalogue_version,
        last(occurred_at ORDER BY nth) FILTER (kind = 'hazard_judged') AS judged_at,
        min(occurred_at) FILTER (kind IN ('hazard_voided', 'hazard_merged', 'hazard_downgraded')) AS left_m_at,
        last(coalesce(data->>'$.lead_department_id', data->>'$.to_department_id') ORDER BY nth)
            FILTER (kind IN ('responsibility_assigned', 'hazard_transferred')) AS department_id,
        min(occurred_at) FILTER (kind = 'hazard_registered') AS registered_at,
        min(occurred_at) FILTER (kind = 'responsibility_assigned') AS assigned_at,
        last(kind ORDER BY nth) FILTER (
            kind IN ('responsibility_assigned', 'hazard_transferred', 'blind_spot_raised')
        ) AS lead_kind,
        min(occurred_at) FILTER (kind = 'blind_spot_raised') AS blind_since,
        last(data->>'$.reason' ORDER BY nth) FILTER (kind = 'blind_spot_raised') AS blind_reason,
        last(data ORDER BY nth) FILTER (kind = 'plan_approved') AS plan,
        last(data->>'$.reason' ORDER BY nth) FILTER (kind = 'extension_requested') AS extension_reason,
        min(occurred_at) FILTER (kind = 'hazard_judged' AND data->>'$.verdict' = 'major') AS major_since,
        min(occurred_at) FILTER (kind = 'hazard_reported' AND data->>'$.to' = 'regulator') AS regulator_told_at,
        min(occurred_at) FILTER (kind = 'hazard_reported' AND data->>'$.to' = 'workers_congress') AS congress_told_at,
        bool_or(kind IN ('interim_control_set', 'plan_approved')
            AND coalesce(data->>'$.text', data->>'$.interim_control', '') <> '') AS has_interim,
        last(kind ORDER BY nth) FILTER (kind IN ('production_stopped', 'production_resumed')) AS production,
        last(kind ORDER BY nth) FILTER (kind IN ('supervision_ordered', 'supervision_lifted')) AS supervision,
        min(occurred_at) FILTER (kind = 'acceptance_passed') AS first_accepted_at,
        min(occurred_at) FILTER (kind = 'acceptance_failed') AS first_rejected_at,
        last(coalesce(nullif(data->>'$.by', ''), actor->>'$.id') ORDER BY nth) FILTER (kind = 'rectification_done')
            AS rectified_by,
        last(coalesce(nullif(data->>'$.by', ''), actor->>'$.id') ORDER BY nth) FILTER (kind = 'hazard_closed')
            AS closed_by,
        count(*) FILTER (kind IN ('rectification_done', 'acceptance_passed', 'hazard_closed')
            AND data->>'$.evidence[0]' IS NOT NULL) AS proofs,
        max(occurred_at) FILTER (kind = 'hazard_reopened') AS reopened_at,
        last(kind ORDER BY nth) FILTER (kind IN (
            'hazard_registered', 'hazard_suspected', 'hazard_judged', 'plan_approved', 'rectification_started',
            'rectification_done', 'acceptance_passed', 'acceptance_failed', 'hazard_closed', 'hazard_reopened',
            'hazard_voided', 'hazard_merged', 'hazard_downgraded'
        )) AS last_kind,
        max(occurred_at) AS changed_at,
        max(cycle) AS cycle,
        count(*) AS events
    FROM cycled GROUP BY ALL
)
SELECT
    life.hazard_id,
    site_id,
    r->>'$.region' AS region,
    CASE WHEN length(region) = 6 THEN left(region, 4) || '00' END AS city,
    CASE WHEN length(region) = 6 THEN left(region, 2) || '0000' END AS province,
    r->>'$.industry' AS industry,
    r->>'$.enterprise_id' AS enterprise_id,
    department_id,
    r->>'$.source' AS source,
    r->>'$.scope' AS scope,
    r->>'$.place_id' AS place_id,
    r->>'$.place' AS place,
    r->>'$.title' AS title,
    instant(r->>'$.found_at') AS found_at,
    coalesce(instant(r->>'$.found_at') <= as_of, false) AS is_found,
    verdict,
    coalesce(criterion_id, suspected_under) AS criterion_id,
    document_id,
    catalogue_version,
    judged_at,
    left_m_at,
    coalesce(verdict = 'major', false) AND left_m_at IS NULL AS in_m,
    current.closed_at,
    is_found AND current.closed_at IS NULL AS is_open,
    reopened_at,
    life.cycle,
    due0,
    due,
    due_cycle,
    coalesce(due > due0, false) AS extended,
    extension_reason,
    answering.closed_at AS due_answered_at,
    is_open AND shanghai_day(as_of) > due AS is_overdue,
    plan,
    -- the five items (五落实); the time limit is the plan's own deadline
    coalesce(plan->>'$.responsible_person', '') <> '' AND coalesce(plan->>'$.responsible_unit', '') <> ''
        AND plan->>'$.measures[0].kind' IS NOT NULL AND plan->>'$.funds' IS NOT NULL
        AND coalesce(plan->>'$.contingency_plan', '') <> '' AND due IS NOT NULL AS has_five,
    coalesce(has_interim, false) AS has_interim,
    coalesce(production = 'production_stopped', false) AS is_stopped,
    coalesce(supervision = 'supervision_ordered', false) AS is_supervised,
    supervisions,
    closings,
    r->>'$.root_criterion_id' AS root_criterion_id,
    similar_sites,
    similar_done,
    similar_hits,
    major_since,
    regulator_told_at,
    congress_told_at,
    first_accepted_at,
    first_rejected_at,
    rectified_by,
    closed_by,
    proofs,
    registered_at,
    assigned_at,
    coalesce(lead_kind = 'blind_spot_raised', false) AS is_blind,
    CASE WHEN is_blind THEN blind_since END AS blind_since,
    CASE WHEN is_blind THEN blind_reason END AS blind_reason,
    last_kind,
    changed_at,
    events
FROM life
LEFT JOIN registered USING (hazard_id)
LEFT JOIN deadline USING (hazard_id)
LEFT JOIN closings_of USING (hazard_id)
LEFT JOIN supervisions_of USING (hazard_id)
LEFT JOIN similar_sites_of USING (hazard_id)
LEFT JOIN closing AS current USING (hazard_id, cycle)
LEFT JOIN closing AS answering ON answering.hazard_id = life.hazard_id AND answering.cycle = deadline.due_cycle;

-- What the plan's tables say, and what they are held against, as of $as_of, as it was known at $known_as_of: one row per task, problem, training, order …
-- Of each kind of event of a subject the latest recorded holds: a row that was mended and read again replaces the old.
WITH known AS (
    SELECT * FROM programme_events
    WHERE occurred_at <= $as_of::TIMESTAMPTZ
        AND ($known_as_of::TIMESTAMPTZ IS NULL OR recorded_at <= $known_as_of)
    QUALIFY row_number() OVER (PARTITION BY subject_id, kind ORDER BY recorded_at DESC, kafka_at DESC, "offset" DESC) = 1
),
newest AS (
    SELECT document_id FROM criteria_documents
    WHERE effective_from <= shanghai_day($as_of::TIMESTAMPTZ)
    QUALIFY effective_from = max(effective_from) OVER ()
),
publicised AS (
    SELECT DISTINCT data->>'$.department_id' AS held_by FROM known
    WHERE kind = 'publicity_held' AND data->>'$.document_id' IN (SELECT document_id FROM newest)
)
SELECT
    subject_id,
    max(data->>'$.region') AS region,
    CASE WHEN length(max(data->>'$.region')) = 6 THEN left(max(data->>'$.region'), 4) || '00' END AS city,
    CASE WHEN length(max(data->>'$.region')) = 6 THEN left(max(data->>'$.region'), 2) || '0000' END AS province,
    max(data->>'$.industry') AS industry,
    max(data->>'$.enterprise_id') AS enterprise_id,
    max(coalesce(data->>'$.lead_department_id', data->>'$.department_id', data->>'$.unit')) AS department_id,
    max(data->>'$.action') AS action,
    max(data->>'$.title') AS title,
    max(due_day(data->>'$.due_at')) AS due,
    max(data->>'$.evidence') AS evidence,
    max((data->>'$.year')::INTEGER) AS year,
    max(occurred_at) FILTER (kind = 'task_assigned') AS task_at,
    max(occurred_at) FILTER (kind = 'task_done') AS task_done_at,
    max(occurred_at) FILTER (kind = 'problem_listed') AS problem_at,
    max(occurred_at) FILTER (kind = 'problem_studied') AS studied_at,
    max(occurred_at) FILTER (kind = 'problem_solved') AS solved_at,
    max(occurred_at) FILTER (kind = 'training_held') AS training_at,
    max(occurred_at) FILTER (kind = 'publicity_held') AS publicity_at,
    max(occurred_at) FILTER (kind = 'measure_planned') AS measure_at,
    max(occurred_at) FILTER (kind = 'measure_verified') AS verified_at,
    max(occurred_at) FILTER (kind = 'assessment_published') AS assessment_at,
    max(occurred_at) FILTER (kind = 'order_issued') AS order_at,
    max(occurred_at) FILTER (kind = 'order_rechecked') AS rechecked_at,
    max(occurred_at) FILTER (kind = 'tip_received') AS tip_at,
    max(occurred_at) FILTER (kind = 'tip_verified') AS tip_verified_at,
    max(occurred_at) FILTER (kind = 'accident_reported') AS accident_at,
    max(occurred_at) FILTER (kind = 'inspection_done') AS inspected_at,
    max(data->>'$.led_by_principal') FILTER (kind = 'inspection_done') = 'true' AS is_led,
    max((data->>'$.findings')::BIGINT) FILTER (kind = 'inspection_done') AS findings,
    nullif(max(data->>'$.site_id') FILTER (kind = 'inspection_done'), '') AS site_id,
    nullif(max((data->'$.criteria')::VARCHAR) FILTER (kind = 'inspection_done'), '[]') AS criteria,
    max(occurred_at) FILTER (kind = 'help_planned') AS help_planned_at,
    max(occurred_at) FILTER (kind = 'case_published') AS case_at,
    max(data->>'$.kind') AS what,
    max(data->>'$.subject') AS area,
    max(data->>'$.grade') AS grade,
    max(data->>'$.document_id') AS document_id,
    max((data->>'$.weight')::DOUBLE) AS weight,
    max((data->>'$.score')::DOUBLE) AS score,
    max((data->>'$.in_scope')::BIGINT) AS in_scope,
    max((data->>'$.trained')::BIGINT) AS trained,
    max((data->>'$.deaths')::BIGINT) AS deaths
FROM known
GROUP BY subject_id
UNION ALL BY NAME
-- Every department of today's registry, and whether it has publicised the newest list in force.
SELECT
    'department/' || department_id AS subject_id,
    department_id,
    region,
    CASE WHEN length(region) = 6 THEN left(region, 4) || '00' END AS city,
    CASE WHEN length(region) = 6 THEN left(region, 2) || '0000' END AS province,
    department_id IN (SELECT held_by FROM publicised) OR name IN (SELECT held_by FROM publicised) AS publicised
FROM departments
UNION ALL BY NAME
-- Every unit of today's registry: an enterprise, in each region and industry where it has a site.
SELECT DISTINCT
    'unit/' || coalesce(nullif(enterprise_id, ''), site_id) AS subject_id,
    nullif(enterprise_id, '') AS enterprise_id,
    enterprise_name AS title,
    region,
    city,
    province,
    industry,
    coalesce(industry IN (SELECT named FROM high_risk_industries), false) AS is_high_risk
FROM sites
UNION ALL BY NAME
-- The major hazards, for what is held against the inspections.
SELECT
    'hazard/' || hazard_id AS subject_id,
    enterprise_id,
    site_id,
    region,
    city,
    province,
    industry,
    source,
    found_at AS major_found_at,
    criterion_id,
    coalesce(nullif(root_criterion_id, ''), criterion_id) AS root_criterion_id
FROM hazards_as_of($as_of::TIMESTAMPTZ, $known_as_of::TIMESTAMPTZ)
WHERE in_m AND is_found

-- One row per hazard with the day of every step of its life: filled in as the hazard moves on.
WITH steps AS (
    SELECT subject_id AS hazard_id,
        min(shanghai_day(occurred_at)) FILTER (kind = 'hazard_registered') AS registered_on,
        min(shanghai_day(occurred_at)) FILTER (kind = 'hazard_suspected') AS suspected_on,
        min(shanghai_day(occurred_at)) FILTER (kind = 'hazard_judged') AS judged_on,
        min(shanghai_day(occurred_at)) FILTER (kind = 'hazard_reported' AND data->>'$.to' = 'regulator')
            AS reported_regulator_on,
        min(shanghai_day(occurred_at)) FILTER (kind = 'hazard_reported' AND data->>'$.to' = 'workers_congress')
            AS reported_congress_on,
        min(shanghai_day(occurred_at)) FILTER (kind = 'responsibility_assigned') AS assigned_on,
        min(shanghai_day(occurred_at)) FILTER (kind = 'plan_approved') AS planned_on,
        min(shanghai_day(occurred_at)) FILTER (kind = 'rectification_started') AS started_on,
        min(shanghai_day(occurred_at)) FILTER (kind = 'rectification_done') AS rectified_on,
        min(shanghai_day(occurred_at)) FILTER (kind = 'acceptance_passed') AS accepted_on,
        count(*) FILTER (kind = 'acceptance_failed') AS rejections,
        count(*) FILTER (kind = 'extension_decided' AND data->>'$.approved' = 'true') AS extensions
    FROM hazard_events GROUP BY ALL
)
SELECT
    hazard_id,
    site_id,
    region,
    industry,
    is_major,
    shanghai_day(found_at) AS found_on,
    registered_on,
    suspected_on,
    judged_on,
    reported_regulator_on,
    reported_congress_on,
    assigned_on,
    planned_on,
    started_on,
    rectified_on,
    accepted_on,
    shanghai_day(closed_at) AS closed_on,
    shanghai_day(reopened_at) AS reopened_on,
    due0,
    due,
    cycle,
    rejections,
    extensions,
    judged_on - shanghai_day(found_at) AS days_to_judge,
    planned_on - judged_on AS days_to_plan,
    shanghai_day(closed_at) - judged_on AS days_to_close
FROM hazards
JOIN steps USING (hazard_id)

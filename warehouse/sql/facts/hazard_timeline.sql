SELECT
    subject_id AS hazard_id,
    row_number() OVER (
        PARTITION BY subject_id ORDER BY occurred_at, recorded_at, kafka_at, "offset"
    ) AS nth,
    kind,
    occurred_at,
    recorded_at,
    actor->>'$.id' AS actor_id,
    actor->>'$.role' AS actor_role,
    coalesce(data->>'$.reason', data->>'$.text') AS reason,
    imported,
    site_id,
    event_id,
    causes,
    data
FROM hazard_events

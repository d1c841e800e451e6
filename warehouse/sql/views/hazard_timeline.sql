CREATE OR REPLACE VIEW hazard_timeline AS
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
FROM hazard_events;
COMMENT ON VIEW hazard_timeline IS '隐患全过程 | Every event of every hazard in the order it happened';
COMMENT ON COLUMN hazard_timeline.nth IS '次序 | position in the life of the hazard, by occurred_at';

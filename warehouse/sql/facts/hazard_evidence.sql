-- What every hazard rests on: each piece of evidence with each Kafka coordinate it names, as last told. A span of
-- readings names its first, its peak and its last reading.
WITH told AS (
    SELECT subject_id AS hazard_id, event_id, kind AS event_kind, recorded_at, site_id,
        unnest((data->'$.evidence')::JSON[]) AS piece
    FROM hazard_events
    WHERE kind IN ('hazard_suspected', 'evidence_added', 'evidence_completed', 'hazard_judged')
        AND json_type(data->'$.evidence') = 'ARRAY'
),
pieces AS (
    SELECT *, CASE json_type(piece) WHEN 'OBJECT' THEN piece->>'$.evidence_id' ELSE piece->>'$' END AS evidence_id
    FROM told
    QUALIFY row_number() OVER (
        PARTITION BY hazard_id, evidence_id ORDER BY json_type(piece) = 'OBJECT' DESC, recorded_at DESC, event_id
    ) = 1
),
places AS (
    SELECT * EXCLUDE piece, piece->>'$.kind' AS evidence_kind, piece->>'$.signal' AS signal,
        instant(piece->>'$.began_at') AS began_at, instant(piece->>'$.ended_at') AS ended_at,
        (piece->>'$.peak')::DOUBLE AS peak, (piece->'$.sensor_ids')::VARCHAR[] AS sensor_ids, piece->>'$.text' AS text,
        unnest(CASE
            WHEN json_array_length(piece->'$.coordinates') > 0 THEN (piece->'$.coordinates')::VARCHAR[] ELSE [NULL]
        END) AS coordinate
    FROM pieces
)
SELECT
    hazard_id,
    evidence_id,
    evidence_kind,
    signal,
    began_at,
    ended_at,
    peak,
    sensor_ids,
    text,
    event_id,
    event_kind,
    recorded_at,
    site_id,
    coordinate,
    split_part(coordinate, '/', 1) AS log_id,
    split_part(coordinate, '/', 2) AS topic,
    TRY_CAST(split_part(coordinate, '/', 3) AS INTEGER) AS "partition",
    TRY_CAST(split_part(coordinate, '/', 4) AS BIGINT) AS "offset",
    TRY_CAST(split_part(coordinate, '/', 5) AS INTEGER) AS "row"
FROM places

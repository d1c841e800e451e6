-- Alarm episodes and chatter as of $as_of, as known at $known_as_of: a row per episode, one per third move in a minute.
WITH known AS (
    SELECT * FROM alarm_events
    WHERE occurred_at <= $as_of::TIMESTAMPTZ
        AND ($known_as_of::TIMESTAMPTZ IS NULL OR recorded_at <= $known_as_of::TIMESTAMPTZ)
),
told AS (SELECT *, data->>'$.occurrence_id' AS occurrence_id FROM known),
returned AS (
    SELECT subject_id, occurrence_id, min(occurred_at) AS returned_at
    FROM told WHERE kind = 'alarm_returned' GROUP BY ALL
),
acknowledged AS (
    SELECT subject_id, occurrence_id, min(occurred_at) AS acknowledged_at
    FROM told WHERE kind = 'alarm_acknowledged' GROUP BY ALL
),
moves AS (
    SELECT site_id, subject_id, occurred_at,
        lag(occurred_at, 2) OVER (PARTITION BY subject_id ORDER BY occurred_at, kind) AS second_before
    FROM known WHERE kind IN ('alarm_raised', 'alarm_returned')
),
-- suspicions that name a sensor; the hazard may have been judged major since
suspected AS (
    SELECT DISTINCT subject_id AS hazard_id, site_id, occurred_at AS suspected_at,
        unnest(json_extract_string(piece, '$.sensor_ids[*]')) AS sensor_id
    FROM (
        SELECT *, unnest(from_json(json_extract(data, '$.evidence'), '["JSON"]')) AS piece FROM hazard_events
        WHERE kind = 'hazard_suspected' AND occurred_at <= $as_of::TIMESTAMPTZ
            AND ($known_as_of::TIMESTAMPTZ IS NULL OR recorded_at <= $known_as_of::TIMESTAMPTZ)
    )
),
judged AS (
    SELECT DISTINCT subject_id AS hazard_id, true AS is_major FROM hazard_events
    WHERE kind = 'hazard_judged' AND data->>'$.verdict' = 'major' AND occurred_at <= $as_of::TIMESTAMPTZ
        AND ($known_as_of::TIMESTAMPTZ IS NULL OR recorded_at <= $known_as_of::TIMESTAMPTZ)
),
episodes AS (
    SELECT
        told.site_id,
        told.subject_id AS alarm_id,
        occurrence_id,
        data->>'$.sensor_id' AS sensor_id,
        data->>'$.priority' AS priority,
        instant(data->>'$.began_at') AS began_at,
        occurred_at AS raised_at,
        returned_at,
        acknowledged_at
    FROM told
    LEFT JOIN returned USING (subject_id, occurrence_id)
    LEFT JOIN acknowledged USING (subject_id, occurrence_id)
    WHERE kind = 'alarm_raised'
),
linked AS (
    SELECT occurrence_id, min(suspected_at) AS suspected_at, list(DISTINCT hazard_id) AS hazards,
        list(DISTINCT hazard_id) FILTER (is_major) AS judged
    FROM episodes JOIN suspected USING (site_id, sensor_id) LEFT JOIN judged USING (hazard_id)
    WHERE suspected_at >= began_at AND (returned_at IS NULL OR suspected_at <= returned_at)
    GROUP BY occurrence_id
)
SELECT episodes.*, suspected_at, hazards, judged, NULL::TIMESTAMPTZ AS chattered_at
FROM episodes LEFT JOIN linked USING (occurrence_id)
UNION ALL BY NAME
SELECT site_id, subject_id AS alarm_id, occurred_at AS chattered_at
FROM moves WHERE epoch_us(occurred_at) - epoch_us(second_before) <= 60000000

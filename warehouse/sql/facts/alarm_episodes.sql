WITH raised AS (
    SELECT *, data->>'$.occurrence_id' AS occurrence_id FROM alarm_events WHERE kind = 'alarm_raised'
),
returned AS (
    SELECT subject_id, data->>'$.occurrence_id' AS occurrence_id, min(occurred_at) AS returned_at,
        max((data->>'$.peak')::DOUBLE) AS peak
    FROM alarm_events WHERE kind = 'alarm_returned' GROUP BY ALL
),
acknowledged AS (
    SELECT subject_id, data->>'$.occurrence_id' AS occurrence_id, min(occurred_at) AS acknowledged_at,
        arg_min(actor->>'$.id', occurred_at) AS acknowledged_by
    FROM alarm_events WHERE kind = 'alarm_acknowledged' GROUP BY ALL
)
SELECT
    raised.subject_id AS alarm_id,
    occurrence_id,
    site_id,
    data->>'$.sensor_id' AS sensor_id,
    data->>'$.rule_id' AS rule_id,
    data->>'$.priority' AS priority,
    instant(data->>'$.began_at') AS began_at,
    occurred_at AS raised_at,
    returned_at,
    (epoch_us(returned_at) - epoch_us(occurred_at)) / 1e6 AS duration_s,
    (data->>'$.value')::DOUBLE AS raised_value,
    peak,
    (data->>'$.limit')::DOUBLE AS "limit",
    acknowledged_at,
    acknowledged_by
FROM raised
LEFT JOIN returned USING (subject_id, occurrence_id)
LEFT JOIN acknowledged USING (subject_id, occurrence_id)

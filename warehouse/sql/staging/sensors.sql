SELECT
    key AS sensor_id,
    value->>'$.site_id' AS site_id,
    value->>'$.place_id' AS place_id,
    value->>'$.name' AS name,
    value->>'$.quantity' AS quantity,
    value->>'$.signal' AS signal,
    value->>'$.unit' AS unit,
    (value->>'$.resolution')::DOUBLE AS resolution,
    (value->>'$.period_s')::DOUBLE AS period_s,
    (value->>'$.alarm_high')::DOUBLE AS alarm_high,
    (value->>'$.alarm_low')::DOUBLE AS alarm_low,
    value->>'$.location' AS location,
    instant(value->>'$.definition_at') AS definition_at,
    concat_ws('/', log_id, topic, "partition", "offset") AS coordinate,
    recorded_at,
    value
FROM (
    SELECT * FROM raw.registry_sensors
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY kafka_at DESC, "offset" DESC) = 1
)
WHERE value IS NOT NULL

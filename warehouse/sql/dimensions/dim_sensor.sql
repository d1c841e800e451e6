SELECT
    version_key AS sensor_key,
    key AS sensor_id,
    value->>'$.site_id' AS site_id,
    value->>'$.place_id' AS place_id,
    value->>'$.name' AS name,
    value->>'$.quantity' AS quantity,
    value->>'$.signal' AS signal,
    value->>'$.unit' AS unit,
    (value->>'$.resolution')::DOUBLE AS resolution,
    (value->>'$.period_s')::DOUBLE AS period_s,
    (value->>'$.range_low')::DOUBLE AS range_low,
    (value->>'$.range_high')::DOUBLE AS range_high,
    (value->>'$.alarm_high')::DOUBLE AS alarm_high,
    (value->>'$.alarm_low')::DOUBLE AS alarm_low,
    (value->>'$.cut_high')::DOUBLE AS cut_high,
    value->>'$.location' AS location,
    recorded_at,
    valid_from,
    valid_to,
    is_current
FROM registry_versions('raw.registry_sensors')
WHERE value IS NOT NULL

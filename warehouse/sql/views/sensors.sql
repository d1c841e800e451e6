CREATE OR REPLACE VIEW sensors AS
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
    value
FROM (
    SELECT * FROM raw.registry_sensors
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY kafka_at DESC, "offset" DESC) = 1
)
WHERE value IS NOT NULL;
COMMENT ON VIEW sensors IS '测点 | Sensors, latest definition of each';
COMMENT ON COLUMN sensors.signal IS '判定词汇中的信号名 | name of the signal in the criteria vocabulary';
COMMENT ON COLUMN sensors.alarm_high IS '报警上限，单位同 unit | upper alarm limit, in unit';

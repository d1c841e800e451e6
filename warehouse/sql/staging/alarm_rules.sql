SELECT
    key AS rule_key,
    value->>'$.rule_id' AS rule_id,
    value->>'$.site_id' AS site_id,
    value->>'$.sensor_id' AS sensor_id,
    value->>'$.direction' AS direction,
    (value->>'$.limit')::DOUBLE AS "limit",
    (value->>'$.on_delay_s')::DOUBLE AS on_delay_s,
    (value->>'$.off_delay_s')::DOUBLE AS off_delay_s,
    (value->>'$.deadband')::DOUBLE AS deadband,
    concat_ws('/', log_id, topic, "partition", "offset") AS coordinate,
    recorded_at,
    value
FROM (
    SELECT * FROM raw.registry_rules
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY kafka_at DESC, "offset" DESC) = 1
)
WHERE value IS NOT NULL

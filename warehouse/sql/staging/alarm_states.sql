SELECT
    key AS alarm_id,
    value->>'$.site_id' AS site_id,
    value->>'$.sensor_id' AS sensor_id,
    value->>'$.area_code' AS area_code,
    value->>'$.rule_id' AS rule_id,
    value->>'$.process_state' AS process_state,
    value->'$.overrides' AS overrides,
    (value->>'$.version')::BIGINT AS version,
    value->>'$.priority' AS priority,
    instant(value->>'$.raised_at') AS raised_at,
    instant(value->>'$.changed_at') AS changed_at,
    (value->>'$.step')::BIGINT AS step,
    concat_ws('/', log_id, topic, "partition", "offset") AS coordinate,
    recorded_at,
    value
FROM (
    SELECT * FROM raw.alarm_states
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY kafka_at DESC, "offset" DESC) = 1
)
WHERE value IS NOT NULL

SELECT
    key AS hazard_id,
    value->>'$.site_id' AS site_id,
    value->>'$.state' AS state,
    (value->>'$.version')::BIGINT AS version,
    instant(value->>'$.changed_at') AS changed_at,
    (value->>'$.step')::BIGINT AS step,
    concat_ws('/', log_id, topic, "partition", "offset") AS coordinate,
    recorded_at,
    value
FROM (
    SELECT * FROM raw.hazard_states
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY kafka_at DESC, "offset" DESC) = 1
)
WHERE value IS NOT NULL

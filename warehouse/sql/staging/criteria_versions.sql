SELECT
    substring(key, 10) AS version,
    recorded_at,
    value IS NULL AS withdrawn,
    instant(value->>'$.effective_at') AS effective_at,
    instant(value->>'$.published_at') AS published_at,
    value->>'$.by' AS published_by,
    (value->>'$.clauses')::BIGINT AS clauses,
    value->'$.documents' AS documents,
    row_number() OVER (PARTITION BY key ORDER BY recorded_at DESC) = 1 AS is_latest,
    coordinate
FROM (
    SELECT
        key,
        value::JSON AS value,
        min(kafka_at) AS recorded_at,
        arg_min(concat_ws('/', log_id, topic, "partition", "offset"), kafka_at) AS coordinate
    FROM raw.criteria_catalogue
    WHERE key LIKE '~version/%'
    GROUP BY key, value
)

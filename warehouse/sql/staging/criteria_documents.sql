SELECT
    value->>'$.document_id' AS document_id,
    value->>'$.sha256' AS sha256,
    value->>'$.document.title_zh' AS title_zh,
    value->>'$.document.title_en' AS title_en,
    value->>'$.document.number' AS number,
    (value->'$.document.industries')::VARCHAR[] AS industries,
    (value->>'$.document.effective_from')::DATE AS effective_from,
    (value->>'$.document.effective_to')::DATE AS effective_to,
    value->>'$.document.replaces' AS replaces,
    coalesce((value->>'$.document.reviewed')::DATE, effective_from) AS reviewed,
    json_array_length(value->'$.clauses')::BIGINT AS clauses,
    coordinate,
    recorded_at,
    value
FROM (
    SELECT
        value::JSON AS value,
        min(kafka_at) AS recorded_at,
        arg_min(concat_ws('/', log_id, topic, "partition", "offset"), kafka_at) AS coordinate
    FROM raw.criteria_catalogue
    WHERE key NOT LIKE '~%' AND value IS NOT NULL
    GROUP BY value
)
WHERE value->>'$.kind' = 'document'

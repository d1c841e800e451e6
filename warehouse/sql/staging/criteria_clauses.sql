SELECT
    clause->>'$.id' AS criterion_id,
    document_id,
    sha256,
    clause->>'$.article' AS article,
    clause->>'$.title_zh' AS title_zh,
    clause->>'$.title_en' AS title_en,
    clause->>'$.industry' AS industry,
    clause->>'$.kind' AS kind,
    clause->>'$.confidence' AS confidence,
    coalesce(clause->>'$.status', 'current') AS status,
    json_type(clause->'$.rule') = 'OBJECT' AS executable,
    coalesce((clause->>'$.effective_from')::DATE, effective_from) AS effective_from,
    coalesce((clause->>'$.effective_to')::DATE, effective_to) AS effective_to,
    coordinate,
    recorded_at,
    clause::VARCHAR AS clause
FROM (SELECT *, unnest((value->'$.clauses')::JSON[]) AS clause FROM criteria_documents)

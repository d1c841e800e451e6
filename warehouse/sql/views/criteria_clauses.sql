CREATE OR REPLACE VIEW criteria_clauses AS
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
    coalesce((clause->>'$.effective_to')::DATE, effective_to) AS effective_to
FROM (SELECT *, unnest((value->'$.clauses')::JSON[]) AS clause FROM criteria_documents);
COMMENT ON VIEW criteria_clauses IS '已发布的判定条款 | Clauses of the published criteria documents';
COMMENT ON COLUMN criteria_clauses.executable IS '有可执行条件 | has a condition a machine can evaluate';
COMMENT ON COLUMN criteria_clauses.sha256 IS '所属文件内容的散列 | content of the document it belongs to';

-- Clauses by content: a new edition that leaves a clause as it was makes no new version of it.
WITH clauses AS (
    SELECT clause.*, document.number, document.title_zh AS document_zh, document.title_en AS document_en
    FROM criteria_clauses AS clause
    JOIN criteria_documents AS document USING (document_id, sha256)
    QUALIFY row_number() OVER (PARTITION BY criterion_id, clause ORDER BY clause.recorded_at, sha256) = 1
)
SELECT
    criterion_id || '@' || row_number() OVER (PARTITION BY criterion_id ORDER BY recorded_at, sha256) AS criterion_key,
    criterion_id,
    document_id,
    number,
    document_zh,
    document_en,
    article,
    title_zh,
    title_en,
    industry,
    kind,
    confidence,
    status,
    executable,
    effective_from,
    effective_to,
    recorded_at,
    row_number() OVER (PARTITION BY criterion_id ORDER BY recorded_at DESC, sha256 DESC) = 1 AS is_current
FROM clauses

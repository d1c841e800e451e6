CREATE OR REPLACE VIEW criteria_documents AS
SELECT key AS document_id, kafka_at AS published_at, value
FROM (
    SELECT * FROM raw.criteria_catalogue
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY kafka_at DESC, "offset" DESC) = 1
)
WHERE value IS NOT NULL;
COMMENT ON VIEW criteria_documents IS '判定标准文件 | Criteria documents in use, latest version of each';

CREATE OR REPLACE VIEW criteria_versions AS
SELECT
    substring(key, 10) AS version,
    recorded_at,
    value IS NULL AS withdrawn,
    instant(value->>'$.effective_at') AS effective_at,
    instant(value->>'$.published_at') AS published_at,
    value->>'$.by' AS published_by,
    (value->>'$.clauses')::BIGINT AS clauses,
    value->'$.documents' AS documents,
    row_number() OVER (PARTITION BY key ORDER BY recorded_at DESC) = 1 AS is_latest
FROM (
    SELECT key, value::JSON AS value, min(kafka_at) AS recorded_at
    FROM raw.criteria_catalogue
    WHERE key LIKE '~version/%'
    GROUP BY key, value
);
COMMENT ON VIEW criteria_versions IS '判定标准目录的每次发布与撤回 | Every publication and withdrawal of a version of the criteria catalogue';
COMMENT ON COLUMN criteria_versions.version IS '目录版本 | catalogue version, as steps and verdicts name it';
COMMENT ON COLUMN criteria_versions.recorded_at IS '记录时间 | when it became known to us';
COMMENT ON COLUMN criteria_versions.effective_at IS '施行时间 | from when it judges';
COMMENT ON COLUMN criteria_versions.documents IS '文件及其散列 | its documents and their sha256, JSON';
COMMENT ON COLUMN criteria_versions.is_latest IS '该版本的最新一条 | the last word on this version';

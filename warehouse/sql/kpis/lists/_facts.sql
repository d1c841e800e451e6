-- The lists of the catalogue as of $as_of, as it was known at $known_as_of: documents of the version in effect, whether
-- in force on the day, and how fresh. Before the first version took effect, that first one: the lists' own dates decide.
WITH known AS (
    SELECT * FROM criteria_versions
    WHERE $known_as_of::TIMESTAMPTZ IS NULL OR recorded_at <= $known_as_of
    QUALIFY row_number() OVER (PARTITION BY version ORDER BY recorded_at DESC) = 1
),
named AS (
    SELECT
        version, effective_at, published_at, unnest(json_keys(documents)) AS document_id,
        documents->>('$."' || document_id || '"') AS sha256
    FROM known WHERE NOT withdrawn
),
complete AS (
    SELECT version, effective_at, published_at FROM named LEFT JOIN criteria_documents USING (document_id, sha256)
    GROUP BY ALL HAVING bool_and(criteria_documents.value IS NOT NULL)
),
chosen AS (
    SELECT version FROM complete
    ORDER BY
        effective_at <= $as_of::TIMESTAMPTZ DESC,
        CASE WHEN effective_at <= $as_of::TIMESTAMPTZ THEN effective_at END DESC NULLS LAST,
        effective_at,
        published_at DESC
    LIMIT 1
),
day AS (SELECT shanghai_day($as_of::TIMESTAMPTZ) AS today)
SELECT
    version,
    document_id,
    sha256,
    industries,
    effective_from,
    reviewed,
    today - reviewed AS days,
    list_transform(
        list_filter(
            (value->'$.document.cites')::JSON[],
            lambda cited: (cited->>'$.newer_from')::DATE <= today AND (cited->>'$.newer_from')::DATE > reviewed
        ),
        lambda cited: cited->>'$.newer'
    ) AS outdated_by,
    today
FROM named SEMI JOIN chosen USING (version) JOIN criteria_documents USING (document_id, sha256), day
WHERE effective_from <= today AND (effective_to IS NULL OR effective_to >= today)

SELECT
    event_id,
    site_id,
    subject_id,
    data->>'$.verdict' AS verdict,
    data->>'$.criterion_id' AS criterion_id,
    data->>'$.article' AS article,
    data->>'$.document_id' AS document_id,
    data->>'$.catalogue_version' AS catalogue_version,
    data->>'$.place_id' AS place_id,
    (data->'$.evidence_ids')::VARCHAR[] AS evidence_ids,
    (data->'$.missing')::VARCHAR[] AS missing,
    data->>'$.why' AS why_en,
    data->>'$.why_zh' AS why_zh,
    occurred_at,
    recorded_at,
    causes
FROM criterion_verdicts

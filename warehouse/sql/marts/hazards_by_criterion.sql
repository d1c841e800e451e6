SELECT
    criterion_id,
    any_value(criterion.document_id) AS document_id,
    any_value(criterion.article) AS article,
    any_value(criterion.title_zh) AS title_zh,
    any_value(criterion.title_en) AS title_en,
    count(*) AS hazards,
    count(*) FILTER (is_major) AS major,
    count(*) FILTER (is_major AND is_open) AS open_major,
    count(*) FILTER (is_major AND is_overdue) AS overdue,
    median(epoch_us(closed_at) - epoch_us(judged_at)) / 86400e6 AS median_days_to_close
FROM hazards
LEFT JOIN dim_criterion AS criterion USING (criterion_id)
WHERE criterion_id <> '' AND coalesce(criterion.is_current, true)
GROUP BY criterion_id

-- 清单时效 Days since the last review of the list reviewed longest ago. Stale: a standard it cites has a newer edition,
-- in force by the day, that came after the review. Excluded: industries in scope without a list.
SELECT grp,
    max(days) AS num,
    NULL AS den,
    count(DISTINCT industry) FILTER (document_id IS NULL AND industry IS NOT NULL) AS excluded,
    {
        'stale': count(DISTINCT document_id) FILTER (len(outdated_by) > 0),
        'lists': list(DISTINCT {
            'document_id': document_id, 'reviewed': reviewed, 'days': days, 'outdated_by': coalesce(outdated_by, [])
        } ORDER BY {
            'document_id': document_id, 'reviewed': reviewed, 'days': days, 'outdated_by': coalesce(outdated_by, [])
        }) FILTER (document_id IS NOT NULL)
    } AS detail
FROM list_facts
GROUP BY grp

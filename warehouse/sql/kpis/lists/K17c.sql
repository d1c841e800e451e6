-- 可机判率 Clauses in force with an executable condition ÷ clauses in force, of the lists of the industries in scope.
SELECT grp,
    count(DISTINCT clause.criterion_id) FILTER (clause.executable) AS num,
    count(DISTINCT clause.criterion_id) AS den,
    0 AS excluded
FROM list_facts
LEFT JOIN criteria_clauses AS clause
    ON clause.document_id = list_facts.document_id AND clause.sha256 = list_facts.sha256
    AND clause.effective_from <= today AND (clause.effective_to IS NULL OR clause.effective_to >= today)
    AND (
        clause.industry = list_facts.industry OR starts_with(clause.industry, list_facts.industry || '/')
        OR starts_with(list_facts.industry, clause.industry || '/')
    )
GROUP BY grp

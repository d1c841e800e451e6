-- The verdicts of the criteria on the evidence of each hazard.
SELECT DISTINCT hazard_id, evidence_id, verdict.event_id, verdict.verdict, verdict.criterion_id, verdict.article,
    verdict.document_id, verdict.catalogue_version, verdict.why_zh, verdict.why_en, verdict.occurred_at,
    verdict.recorded_at
FROM (SELECT DISTINCT hazard_id, evidence_id FROM hazard_evidence)
JOIN (SELECT *, unnest(evidence_ids) AS evidence_id FROM verdicts) AS verdict USING (evidence_id)

CREATE OR REPLACE VIEW hazards AS
SELECT
    hazard_id,
    facts.site_id,
    region,
    city,
    province,
    industry,
    enterprise_id,
    department_id,
    source,
    scope,
    place_id,
    place,
    title,
    coalesce(states.state, CASE last_kind
        WHEN 'hazard_registered' THEN 'registered'
        WHEN 'hazard_suspected' THEN 'suspected'
        WHEN 'plan_approved' THEN 'planned'
        WHEN 'rectification_started' THEN 'rectifying'
        WHEN 'acceptance_failed' THEN 'rectifying'
        WHEN 'hazard_reopened' THEN 'rectifying'
        WHEN 'rectification_done' THEN 'pending_acceptance'
        WHEN 'acceptance_passed' THEN 'accepted'
        WHEN 'hazard_closed' THEN 'closed'
        WHEN 'hazard_voided' THEN 'voided'
        WHEN 'hazard_merged' THEN 'merged'
        WHEN 'hazard_downgraded' THEN 'judged_general'
    END) AS state,
    verdict,
    criterion_id,
    document_id,
    catalogue_version,
    in_m AS is_major,
    is_open,
    found_at,
    judged_at,
    due0,
    due,
    extended,
    closed_at,
    reopened_at,
    cycle,
    facts.changed_at,
    facts.events
FROM hazards_as_of(TIMESTAMPTZ 'infinity', NULL) AS facts
LEFT JOIN hazard_states AS states USING (hazard_id);
COMMENT ON VIEW hazards IS '隐患当前状态 | Current state of each hazard, from its events';
COMMENT ON COLUMN hazards.is_major IS '属于重大事故隐患（未作废、并案、降级） | judged major and not voided, merged or downgraded';
COMMENT ON COLUMN hazards.found_at IS '发现时间，决定存量或增量 | when found; decides stock or increment';
COMMENT ON COLUMN hazards.due0 IS '首次整改期限 | first deadline';
COMMENT ON COLUMN hazards.due IS '现行整改期限（含批准的延期），当日 24 时止 | deadline in force, until 24:00 of that day';
COMMENT ON COLUMN hazards.closed_at IS '本轮销号时间 | closing of the present cycle; null while open';
COMMENT ON COLUMN hazards.cycle IS '第几轮（重新打开加一） | cycle, one more with each reopening';

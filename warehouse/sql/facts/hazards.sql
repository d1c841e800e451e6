SELECT
    hazard_id,
    facts.site_id,
    site.name AS site,
    then_site.site_key,
    facts.region,
    county.name_zh AS county,
    county.name_en AS county_en,
    facts.city,
    facts.province,
    facts.industry,
    facts.enterprise_id,
    department_id,
    source,
    scope,
    place_id,
    place,
    title,
    coalesce(states.state, CASE last_kind
        WHEN 'hazard_registered' THEN 'registered'
        WHEN 'hazard_suspected' THEN 'suspected'
        WHEN 'hazard_judged' THEN CASE verdict
            WHEN 'major' THEN 'judged_major' WHEN 'general' THEN 'judged_general' ELSE 'refuted'
        END
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
    facts.criterion_id,
    coalesce(facts.document_id, clause.document_id) AS document_id,
    clause.article,
    catalogue_version,
    in_m AS is_major,
    is_open,
    is_open AND coalesce(due < shanghai_day(as_of), false) AS is_overdue,
    CASE WHEN is_open AND due < shanghai_day(as_of) THEN shanghai_day(as_of) - due END AS days_overdue,
    found_at,
    judged_at,
    due0,
    due,
    extended,
    closed_at,
    reopened_at,
    cycle,
    facts.changed_at,
    facts.events,
    coalesce(site.simulated, false) AS simulated
FROM hazards_as_of(TIMESTAMPTZ 'infinity', NULL) AS facts
CROSS JOIN raw.as_of
LEFT JOIN hazard_states AS states USING (hazard_id)
LEFT JOIN dim_site AS site ON site.site_id = facts.site_id AND site.is_current
LEFT JOIN dim_site AS then_site
    ON then_site.site_id = facts.site_id AND found_at >= then_site.valid_from AND found_at < then_site.valid_to
LEFT JOIN dim_region AS county ON county.region = facts.region
LEFT JOIN dim_criterion AS clause ON clause.criterion_id = facts.criterion_id AND clause.is_current

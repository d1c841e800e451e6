-- 盲区 Open hazards that no rule gives exactly one lead, with the reason; `over_30_days` of them for more than 30 days.
SELECT grp,
    count(*) FILTER (lost) AS num,
    NULL AS den,
    0 AS excluded,
    {
        'over_30_days': count(*) FILTER (lost AND days > 30),
        'hazards': list({'hazard_id': hazard_id, 'reason': blind_reason, 'days': days} ORDER BY days DESC, hazard_id)
            FILTER (lost)
    } AS detail
FROM (
    SELECT *, coalesce(is_found AND is_open AND is_blind AND verdict IS DISTINCT FROM 'none', false) AS lost,
        shanghai_day($as_of) - shanghai_day(blind_since) AS days
    FROM hazard_facts
)
GROUP BY grp

-- 存量余额 Stock still open, listed one by one with its deadline and approved extension.
SELECT grp,
    count(*) FILTER (left_over) AS num,
    NULL AS den,
    count(*) FILTER (in_m AND found_at IS NULL) AS excluded,
    {'hazards': list({
        'hazard_id': hazard_id, 'region': region, 'industry': industry, 'title': title, 'found_on': shanghai_day(found_at),
        'due0': due0, 'due': due, 'extended': extended, 'reason': extension_reason,
        'reopened_on': CASE WHEN cycle > 1 THEN shanghai_day(reopened_at) END
    } ORDER BY found_at, hazard_id) FILTER (left_over)} AS detail
FROM (
    SELECT *, in_m AND is_open AND found_at < TIMESTAMPTZ '2024-01-01 00:00:00+08' AS left_over FROM hazard_facts
)
GROUP BY grp

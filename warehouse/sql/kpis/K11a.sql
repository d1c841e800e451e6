-- 挂牌督办率 Open major hazards under a supervision order ÷ open.
SELECT grp,
    count(*) FILTER (in_m AND is_open AND is_supervised) AS num,
    count(*) FILTER (in_m AND is_open) AS den,
    count(*) FILTER (in_m AND found_at IS NULL) AS excluded
FROM hazard_facts
GROUP BY grp

-- 报警转隐患 Alarms raised in the window during which (from the first reading beyond the limit to the return) a hazard was
-- suspected by evidence of their sensor ÷ alarms raised in the window.
WITH raised AS (
    FROM alarm_facts WHERE raised_at >= $window_from AND raised_at < $window_to
),
found AS (
    SELECT grp, count(*) AS alarms, count(suspected_at) AS suspected,
        quantile_disc(greatest((epoch_us(suspected_at) - epoch_us(raised_at)) // 1000000, 0), 0.95)
            FILTER (suspected_at IS NOT NULL) / 3600 AS latency_p95,
        len(list_distinct(coalesce(flatten(list(hazards) FILTER (hazards IS NOT NULL)), []))) AS hazards,
        len(list_distinct(coalesce(flatten(list(judged) FILTER (judged IS NOT NULL)), []))) AS judged
    FROM raised GROUP BY grp
)
SELECT grp,
    coalesce(suspected, 0) AS num,
    coalesce(alarms, 0) AS den,
    0 AS excluded,
    {'suspected_hazards': coalesce(hazards, 0), 'judged_major': coalesce(judged, 0), 'latency_p95': latency_p95} AS detail
FROM (SELECT DISTINCT grp FROM alarm_facts)
LEFT JOIN found USING (grp)

-- 确认与处置时长 Whole seconds from raised to acknowledged and to returned, of the alarms raised in the window, in hours.
-- num: acknowledged, den: raised, value: the median. Percentiles are the value of the rank (no interpolation).
WITH raised AS (
    SELECT *,
        CASE WHEN acknowledged_at >= raised_at THEN (epoch_us(acknowledged_at) - epoch_us(raised_at)) // 1000000
            WHEN acknowledged_at < raised_at THEN 0 END AS ack_s,
        CASE WHEN returned_at >= raised_at THEN (epoch_us(returned_at) - epoch_us(raised_at)) // 1000000
            WHEN returned_at < raised_at THEN 0 END AS back_s
    FROM alarm_facts WHERE raised_at >= $window_from AND raised_at < $window_to
),
found AS (
    SELECT grp, count(*) AS alarms, count(ack_s) AS acknowledged, count(back_s) AS handled,
        quantile_disc(ack_s, 0.5) / 3600 AS ack_p50, quantile_disc(ack_s, 0.95) / 3600 AS ack_p95,
        quantile_disc(back_s, 0.5) / 3600 AS handled_p50, quantile_disc(back_s, 0.95) / 3600 AS handled_p95
    FROM raised GROUP BY grp
)
SELECT grp,
    coalesce(acknowledged, 0) AS num,
    coalesce(alarms, 0) AS den,
    ack_p50 AS value,
    coalesce(alarms, 0) - coalesce(acknowledged, 0) AS excluded,
    {'ack_p95': ack_p95, 'handled': coalesce(handled, 0), 'handled_p50': handled_p50, 'handled_p95': handled_p95}
        AS detail
FROM (SELECT DISTINCT grp FROM alarm_facts)
LEFT JOIN found USING (grp)

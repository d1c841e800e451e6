-- 上传完整率与及时率 Readings that came ÷ readings expected by the period of each sensor; `in_time` is the share of
-- readings that reached the gateway within 60 s.
SELECT grp,
    coalesce(sum(received_readings), 0) AS num,
    coalesce(sum(expected_readings), 0) AS den,
    0 AS excluded,
    {
        'in_time': CASE WHEN sum(readings) > 0 THEN sum(in_time) / sum(readings) END,
        'readings': coalesce(sum(readings), 0)::BIGINT,
        'late': coalesce(sum(readings) - sum(in_time), 0)::BIGINT
    } AS detail
FROM (FROM quality_facts WHERE shanghai_day_start(day) >= $window_from AND shanghai_day_start(day) < $window_to)
RIGHT JOIN (SELECT DISTINCT grp FROM quality_facts) USING (grp)
GROUP BY grp

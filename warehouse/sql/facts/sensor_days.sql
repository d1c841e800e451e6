-- What each sensor sent on each day. A reading speaks for the time up to the next one, at most for three periods of its
-- sensor; one that says its station or sensor is at fault, or was not polled, speaks for nothing (bits 16, 32, 128).
WITH periods AS (SELECT sensor_id, period_s FROM sensors),
spoken AS (
    SELECT
        site_id, sensor_id, day, occurred_at, quality, received_at,
        lead(occurred_at) OVER (PARTITION BY sensor_id, day ORDER BY occurred_at) AS next_at
    FROM readings
)
SELECT
    sensor_id,
    day,
    any_value(site_id) AS site_id,
    count(*) AS readings,
    count(*) FILTER (next_at IS NULL OR next_at > occurred_at) AS instants,
    count(*) FILTER (quality & 252 = 0) AS usable,
    min(occurred_at) AS first_at,
    max(occurred_at) AS last_at,
    count(*) FILTER (epoch_us(received_at) - epoch_us(occurred_at) <= 60000000) AS in_time,
    coalesce(sum(least(
        epoch_us(coalesce(next_at, shanghai_day_start(day + 1))) - epoch_us(occurred_at),
        3000000 * coalesce(period_s, 30)
    )) FILTER (quality & 176 = 0), 0) / 1e6 AS online_s,
    CASE WHEN epoch_us(min(occurred_at)) - epoch_us(shanghai_day_start(day)) <= 3000000 * coalesce(any_value(period_s), 30)
        THEN (epoch_us(min(occurred_at)) - epoch_us(shanghai_day_start(day))) / 1e6 ELSE 0 END AS lead_in_s,
    coalesce(any_value(period_s), 30) AS period_s
FROM spoken LEFT JOIN periods USING (sensor_id)
GROUP BY sensor_id, day

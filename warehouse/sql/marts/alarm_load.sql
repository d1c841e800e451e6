-- Alarms raised per site and hour, and the busiest ten minutes of it; ten in ten minutes are a flood (EEMUA 191).
SELECT
    site_id,
    hour,
    sum(alarms)::BIGINT AS alarms,
    max(alarms) AS busiest_10min,
    busiest_10min >= 10 AS is_flood
FROM (
    SELECT site_id, make_timestamptz(epoch_us(raised_at) // 3600000000 * 3600000000) AS hour, count(*) AS alarms
    FROM alarm_episodes
    GROUP BY site_id, hour, epoch_us(raised_at) // 600000000
)
GROUP BY site_id, hour

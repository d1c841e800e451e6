-- What was expected of each site on each day, what came and what was refused, up to $as_of. What has landed counts,
-- whenever it became known.
SELECT
    site_id, day, expected_s, online_s, expected_readings, received_readings, readings, in_time,
    0::BIGINT AS others, 0::BIGINT AS refused, NULL::VARCHAR AS source, NULL::VARCHAR AS cause
FROM quality_daily
WHERE day <= shanghai_day($as_of::TIMESTAMPTZ)
UNION ALL BY NAME
SELECT site_id, shanghai_day(kafka_at) AS day, count(*) AS others
FROM (
    SELECT site_id, kafka_at FROM device_alarms
    UNION ALL SELECT site_id, kafka_at FROM inspection_findings
    UNION ALL SELECT site_id, kafka_at FROM commands
)
WHERE kafka_at <= $as_of::TIMESTAMPTZ
GROUP BY ALL
UNION ALL BY NAME
SELECT coalesce(site_id, '') AS site_id, shanghai_day(refused_at) AS day, count(*) AS refused, source,
    regexp_replace(regexp_replace(reason, '''[^'']*''', '…', 'g'), '[0-9][0-9.]*', 'N', 'g') AS cause
FROM dead_letters
WHERE refused_at <= $as_of::TIMESTAMPTZ
GROUP BY ALL

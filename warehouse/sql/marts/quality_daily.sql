-- What each site should have sent on each day, and what came. A sensor is expected from when it is known (registered, or
-- heard for the first time) until it leaves the registry; nobody is expected to have sent more than the newest reading
-- of all. Seconds before the first reading of a day count as spoken for if they are few and the sensor was known before.
WITH horizon AS (
    SELECT least(any_value(as_of), coalesce(max(last_at), any_value(as_of))) AS until_at
    FROM raw.as_of
    LEFT JOIN sensor_days ON true
),
known AS (
    SELECT sensor_id, min(recorded_at) AS from_at, max(valid_to) AS to_at, arg_max(site_id, valid_from) AS site_id,
        arg_max(period_s, valid_from) AS period_s
    FROM dim_sensor GROUP BY ALL
),
heard AS (
    SELECT sensor_id, min(first_at) AS from_at, any_value(site_id) AS site_id, any_value(period_s) AS period_s
    FROM sensor_days GROUP BY ALL
),
expected AS (
    SELECT
        sensor_id,
        coalesce(known.site_id, heard.site_id) AS site_id,
        coalesce(known.period_s, heard.period_s, 30) AS period_s,
        least(known.from_at, heard.from_at) AS from_at,
        least(until_at, coalesce(known.to_at, until_at)) AS to_at
    FROM known FULL JOIN heard USING (sensor_id), horizon
),
spans AS (
    SELECT
        expected.*, day, begins_at,
        (epoch_us(least(ends_at, to_at)) - epoch_us(greatest(begins_at, from_at))) / 1e6 AS expected_s
    FROM expected
    JOIN dim_calendar ON day BETWEEN shanghai_day(from_at) AND shanghai_day(to_at)
    WHERE from_at < to_at
),
sent AS (
    SELECT
        spans.site_id,
        day,
        expected_s,
        least(expected_s, coalesce(online_s + CASE WHEN from_at <= begins_at THEN lead_in_s ELSE 0 END, 0)) AS online_s,
        expected_s / spans.period_s AS wanted,
        coalesce(instants, 0) AS instants,
        coalesce(readings, 0) AS readings,
        coalesce(in_time, 0) AS in_time
    FROM spans LEFT JOIN sensor_days USING (sensor_id, day)
    WHERE expected_s > 0
)
SELECT
    site_id,
    day,
    count(*) AS sensors,
    count(*) FILTER (readings = 0) AS silent_sensors,
    sum(expected_s) AS expected_s,
    sum(online_s) AS online_s,
    sum(wanted) AS expected_readings,
    sum(least(instants, wanted)) AS received_readings,
    sum(readings)::BIGINT AS readings,
    sum(in_time)::BIGINT AS in_time
FROM sent
GROUP BY site_id, day

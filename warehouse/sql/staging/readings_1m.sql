SELECT
    site_id,
    sensor_id,
    began_at,
    sum(n)::BIGINT AS n,
    sum(n_values)::BIGINT AS n_values,
    min("min") AS "min",
    max("max") AS "max",
    sum("sum") / nullif(sum(n_values), 0) AS mean,
    arg_max("last", last_at) AS "last",
    min(first_at) AS first_at,
    max(last_at) AS last_at,
    bit_or(quality) AS quality,
    day
FROM raw.readings_1m
GROUP BY site_id, sensor_id, began_at, day

-- Open and overdue major hazards of every region at the end of every day, counties, cities and provinces each for
-- themselves, from the first hazard found to the day of the build.
WITH spans AS (
    SELECT unnest([region, left(region, 4) || '00', left(region, 2) || '0000']) AS region, valid_from, valid_to, due
    FROM hazard_spans
    WHERE is_major AND is_open AND length(region) = 6
),
steps AS (
    SELECT region, valid_from AS day, 1 AS opened, 0 AS late FROM spans
    UNION ALL
    SELECT region, valid_to + 1, -1, 0 FROM spans WHERE valid_to < DATE '9999-12-31'
    UNION ALL
    SELECT region, greatest(valid_from, due + 1), 0, 1 FROM spans WHERE due < valid_to
    UNION ALL
    SELECT region, valid_to + 1, 0, -1 FROM spans WHERE due < valid_to AND valid_to < DATE '9999-12-31'
),
sums AS (SELECT region, day, sum(opened) AS opened, sum(late) AS late FROM steps GROUP BY ALL),
days AS (
    SELECT region, day
    FROM (SELECT region, min(day) AS first_on FROM sums GROUP BY ALL), dim_calendar, raw.as_of
    WHERE day >= first_on AND day <= shanghai_day(as_of)
)
SELECT
    region,
    day,
    (sum(coalesce(opened, 0)) OVER past)::BIGINT AS open_major,
    (sum(coalesce(late, 0)) OVER past)::BIGINT AS overdue,
    open_major = 0 AS is_clear
FROM days LEFT JOIN sums USING (region, day)
WINDOW past AS (PARTITION BY region ORDER BY day ROWS UNBOUNDED PRECEDING)

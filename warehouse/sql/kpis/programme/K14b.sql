-- 主要负责人带队检查履行率 Enterprises whose principal led a self-check in every whole quarter of the window up to the as-of (every
-- whole month in a high-risk sector) ÷ registered enterprises. Excluded: units without an enterprise's code.
WITH day AS (
    SELECT shanghai_day($window_from) AS first_on, shanghai_day(least($window_to, $as_of + INTERVAL 1 MICROSECOND))
        AS end_on
),
bounds AS (
    SELECT CAST(date_trunc('month', first_on + INTERVAL 1 MONTH - INTERVAL 1 DAY) AS DATE) AS month_from,
        CAST(date_trunc('month', end_on) AS DATE) AS month_to,
        CAST(date_trunc('quarter', first_on + INTERVAL 3 MONTH - INTERVAL 1 DAY) AS DATE) AS quarter_from,
        CAST(date_trunc('quarter', end_on) AS DATE) AS quarter_to
    FROM day
),
-- a check that names no enterprise is that of the enterprise that held it
led AS (
    SELECT coalesce(nullif(enterprise_id, ''), department_id) AS named, shanghai_day(inspected_at) AS day
    FROM programme_at WHERE is_led AND what = 'self'
),
named_units AS (
    SELECT grp, enterprise_id, is_high_risk, enterprise_id AS name FROM programme_facts
    WHERE is_high_risk IS NOT NULL AND enterprise_id IS NOT NULL
    UNION ALL
    SELECT grp, enterprise_id, is_high_risk, title AS name FROM programme_facts
    WHERE is_high_risk IS NOT NULL AND enterprise_id IS NOT NULL
),
units AS (
    SELECT grp, enterprise_id, bool_or(is_high_risk) AS monthly,
        12 * (year(max(month_to)) - year(max(month_from))) + month(max(month_to)) - month(max(month_from)) AS months,
        4 * (year(max(quarter_to)) - year(max(quarter_from)))
            + (month(max(quarter_to)) - month(max(quarter_from))) / 3 AS quarters,
        count(DISTINCT CASE WHEN day >= month_from AND day < month_to THEN date_trunc('month', day) END) AS months_led,
        count(DISTINCT CASE WHEN day >= quarter_from AND day < quarter_to THEN date_trunc('quarter', day) END)
            AS quarters_led
    FROM named_units CROSS JOIN bounds LEFT JOIN led ON led.named = named_units.name
    GROUP BY grp, enterprise_id
),
counted AS (
    SELECT grp,
        count(*) FILTER (WHERE due > 0 AND done >= due) AS num,
        count(*) FILTER (WHERE due > 0) AS den,
        list(enterprise_id ORDER BY enterprise_id) FILTER (WHERE due > 0 AND done < due) AS without
    FROM (
        SELECT *, CASE WHEN monthly THEN months ELSE quarters END AS due,
            CASE WHEN monthly THEN months_led ELSE quarters_led END AS done
        FROM units
    )
    GROUP BY grp
),
groups AS (
    SELECT grp, count(DISTINCT subject_id) FILTER (is_high_risk IS NOT NULL AND enterprise_id IS NULL) AS excluded
    FROM programme_facts GROUP BY grp
)
SELECT groups.grp AS grp, coalesce(num, 0) AS num, coalesce(den, 0) AS den, excluded, {'without': without} AS detail
FROM groups LEFT JOIN counted ON counted.grp = groups.grp

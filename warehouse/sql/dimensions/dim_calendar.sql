-- Every day of the plan and around it. A day is a workday by its weekday, unless the published holidays say otherwise
-- (schemas/rules/holidays.yaml), or the registry's calendar, which goes before them.
SELECT
    day,
    year(day) AS year,
    quarter(day) AS quarter,
    month(day) AS month,
    weekofyear(day) AS iso_week,
    isodow(day) AS weekday,
    ['星期一', '星期二', '星期三', '星期四', '星期五', '星期六', '星期日'][isodow(day)] AS weekday_zh,
    strftime(day, '%A') AS weekday_en,
    coalesce(own.workday, published.workday, isodow(day) <= 5) AS is_workday,
    coalesce(own.name, published.name) AS holiday,
    coalesce(own.name_en, published.name_en) AS holiday_en,
    CASE
        WHEN day < DATE '2024-01-01' THEN 'stock'
        WHEN day < DATE '2025-01-01' THEN 'clear_stock'
        WHEN day < DATE '2026-01-01' THEN 'contain_increment'
        WHEN day < DATE '2027-01-01' THEN 'dynamic_clearance'
        ELSE 'after'
    END AS plan_phase,
    day IN (DATE '2024-12-31', DATE '2025-12-31', DATE '2026-12-31') AS is_milestone,
    shanghai_day_start(day) AS begins_at,
    shanghai_day_start(day + 1) AS ends_at
FROM (
    SELECT moment::DATE AS day
    FROM (SELECT unnest(generate_series(DATE '2015-01-01', DATE '2035-12-31', INTERVAL 1 DAY)) AS moment)
)
LEFT JOIN raw.holidays AS published USING (day)
LEFT JOIN (
    SELECT
        TRY_CAST(coalesce(value->>'$.date', key) AS DATE) AS day,
        TRY_CAST(value->>'$.workday' AS BOOLEAN) AS workday,
        value->>'$.name' AS name,
        value->>'$.name_en' AS name_en
    FROM (
        SELECT * FROM raw.registry_calendar
        QUALIFY row_number() OVER (PARTITION BY key ORDER BY kafka_at DESC, "offset" DESC) = 1
    )
    WHERE value IS NOT NULL
) AS own USING (day)

-- Every open hazard on every day, as it stood at the end of the day.
SELECT
    day,
    hazard_id,
    is_major,
    due,
    coalesce(day > due, false) AS is_overdue,
    day - found_on AS days_open,
    site_id,
    region,
    industry,
    enterprise_id
FROM hazard_spans
JOIN dim_calendar ON day BETWEEN valid_from AND valid_to
JOIN raw.as_of ON day <= shanghai_day(as_of)
WHERE is_open

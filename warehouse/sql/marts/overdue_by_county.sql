-- Counties that have, or had, a major hazard; the figures are those of K07 by region.
SELECT
    region,
    any_value(county) AS county,
    any_value(county_en) AS county_en,
    any_value(city) AS city,
    count(*) FILTER (is_major AND is_overdue) AS overdue,
    count(*) FILTER (is_major AND is_overdue AND days_overdue <= 7) AS days_1_7,
    count(*) FILTER (is_major AND is_overdue AND days_overdue BETWEEN 8 AND 30) AS days_8_30,
    count(*) FILTER (is_major AND is_overdue AND days_overdue BETWEEN 31 AND 90) AS days_31_90,
    count(*) FILTER (is_major AND is_overdue AND days_overdue > 90) AS days_over_90,
    max(days_overdue) FILTER (is_major) AS longest_days,
    count(*) FILTER (is_major AND is_open) AS open_major,
    count(*) FILTER (is_major AND is_open AND due IS NULL) AS without_deadline
FROM hazards
GROUP BY region

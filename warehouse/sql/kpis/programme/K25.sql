-- 事故 Accidents of the window, by grade, and the dead. None may be major or worse.
SELECT grp,
    count(*) FILTER (happened) AS num,
    NULL AS den,
    0 AS excluded,
    {
        'general': count(*) FILTER (happened AND grade = 'general'),
        'larger': count(*) FILTER (happened AND grade = 'larger'),
        'major': count(*) FILTER (happened AND grade = 'major'),
        'catastrophic': count(*) FILTER (happened AND grade = 'catastrophic'),
        'deaths': coalesce(sum(deaths) FILTER (happened), 0)
    } AS detail
FROM (
    SELECT *, coalesce(accident_at >= $window_from AND accident_at < $window_to, false) AS happened
    FROM programme_facts
)
GROUP BY grp

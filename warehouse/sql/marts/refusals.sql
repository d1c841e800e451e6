-- Refused input by day and cause; figures and quoted texts are taken out of the reason, so that like causes add up.
SELECT
    shanghai_day(refused_at) AS day,
    source,
    field,
    regexp_replace(regexp_replace(reason, '''[^'']*''', '…', 'g'), '[0-9][0-9.]*', 'N', 'g') AS cause,
    count(*) AS letters,
    count(DISTINCT site_id) AS sites,
    any_value(reason) AS example
FROM dead_letters
GROUP BY ALL

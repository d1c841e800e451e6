-- 治理时长 Days from first judged major to closed: the Kaplan-Meier median over M, hazards still open counted as censored at
-- the as-of (a mean over closed ones flatters slow units). Null while half have not been closed; P90 likewise.
WITH lives AS (
    SELECT grp, in_m AND is_found AND major_since IS NOT NULL AS asked, in_m AND found_at IS NULL AS lost,
        closed_at IS NOT NULL AS ended,
        CASE WHEN closed_at < major_since THEN 0.0
            ELSE (epoch_us(coalesce(closed_at, $as_of)) - epoch_us(major_since)) / 86400000000.0 END AS days
    FROM hazard_facts
),
counted AS (
    SELECT grp, days, count(*) FILTER (ended) AS ends, count(*) AS leaving FROM lives WHERE asked GROUP BY grp, days
),
at_risk AS (
    SELECT grp, days, ends, sum(leaving) OVER (PARTITION BY grp ORDER BY days DESC) AS staying FROM counted
),
surviving AS (
    SELECT grp, days, exp(sum(CASE WHEN ends = staying THEN -1000.0 ELSE ln((staying - ends) / staying) END)
        OVER (PARTITION BY grp ORDER BY days)) AS share
    FROM at_risk WHERE ends > 0
),
found AS (
    SELECT grp, min(days) FILTER (share <= 0.500000001) AS half, min(days) FILTER (share <= 0.100000001) AS nine_tenths
    FROM surviving GROUP BY grp
),
groups AS (
    SELECT grp, count(*) FILTER (asked AND ended) AS num, count(*) FILTER (asked) AS den,
        count(*) FILTER (lost) AS excluded
    FROM lives GROUP BY grp
)
SELECT groups.grp AS grp, num, den, half AS value, excluded, {'p90': nine_tenths, 'open': den - num} AS detail
FROM groups LEFT JOIN found ON found.grp = groups.grp

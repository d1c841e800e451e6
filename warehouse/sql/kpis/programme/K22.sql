-- 考核权重 Weights of work safety and fire in the assessment of the window's last year, a mean over the units that have one;
-- `delta` to 2023, `score` = Σ weight × score ÷ Σ weight over the items that are scored.
SELECT grp,
    sum(ours) AS num,
    count(*) FILTER (ours IS NOT NULL) AS den,
    0 AS excluded,
    {
        'year': max(year),
        'delta': sum(ours) / nullif(count(*) FILTER (ours IS NOT NULL), 0)
            - sum(before) / nullif(count(*) FILTER (before IS NOT NULL), 0),
        'score': sum(points) / nullif(sum(scored), 0)
    } AS detail
FROM (
    SELECT grp, department_id,
        max(year) FILTER (year = asked) AS year,
        sum(weight) FILTER (year = asked AND area IN ('work_safety', 'fire')) AS ours,
        sum(weight) FILTER (year = 2023 AND area IN ('work_safety', 'fire')) AS before,
        sum(weight * score) FILTER (year = asked) AS points,
        sum(weight) FILTER (year = asked AND score IS NOT NULL) AS scored
    FROM (
        SELECT *, year(shanghai_day($window_to::TIMESTAMPTZ - INTERVAL 1 MICROSECOND)) AS asked FROM programme_facts
        WHERE assessment_at IS NOT NULL OR subject_id IS NULL
    )
    GROUP BY grp, department_id
)
GROUP BY grp

-- 培训率 People trained ÷ people who should be, over the trainings of the window; principals and employees apart.
SELECT grp,
    coalesce(sum(trained) FILTER (held), 0) AS num,
    coalesce(sum(in_scope) FILTER (held), 0) AS den,
    0 AS excluded,
    {
        'A01': {'trained': coalesce(sum(trained) FILTER (held AND action = 'A01'), 0),
            'in_scope': coalesce(sum(in_scope) FILTER (held AND action = 'A01'), 0)},
        'A02': {'trained': coalesce(sum(trained) FILTER (held AND action = 'A02'), 0),
            'in_scope': coalesce(sum(in_scope) FILTER (held AND action = 'A02'), 0)}
    } AS detail
FROM (
    SELECT *, coalesce(training_at >= $window_from AND training_at < $window_to, false) AS held FROM programme_facts
)
GROUP BY grp

-- 报警负荷 Alarms raised in the window ÷ ten-minute slots of the window at every position (site) that raised any.
-- The slots are those of the clock; flood: 10 or more alarms at one position in one slot.
WITH raised AS (
    FROM alarm_facts WHERE raised_at >= $window_from AND raised_at < $window_to
),
slots AS (
    SELECT grp, site_id, epoch_us(raised_at) // 600000000 AS slot, count(*) AS alarms,
        arg_min(alarm_id, (raised_at, alarm_id)) AS first_out, min(raised_at) AS first_at
    FROM raised GROUP BY ALL
),
of_slots AS (
    SELECT grp, max(alarms) AS largest, count(*) FILTER (alarms >= 10) AS floods, count(DISTINCT site_id) AS positions,
        list({'site_id': site_id, 'at': first_at, 'first_out': first_out, 'alarms': alarms}
            ORDER BY alarms DESC, first_at, site_id) FILTER (alarms >= 10) AS flood_list
    FROM slots GROUP BY grp
),
loads AS (
    SELECT grp, alarm_id, count(*) AS alarms,
        row_number() OVER (PARTITION BY grp ORDER BY count(*) DESC, alarm_id) AS nth
    FROM raised GROUP BY grp, alarm_id
),
of_loads AS (
    SELECT grp, sum(alarms) FILTER (nth <= 10) AS top,
        list({'alarm_id': alarm_id, 'alarms': alarms} ORDER BY nth) FILTER (nth <= 10) AS top_list
    FROM loads GROUP BY grp
),
sums AS (
    SELECT grp, count(*) AS alarms,
        count(*) FILTER (priority = 'P1') AS p1, count(*) FILTER (priority = 'P2') AS p2,
        count(*) FILTER (priority = 'P3') AS p3, count(*) FILTER (priority = 'P4') AS p4
    FROM raised GROUP BY grp
)
SELECT grp,
    coalesce(alarms, 0) AS num,
    greatest(coalesce(positions, 0), 1)
        * (epoch_us($window_to::TIMESTAMPTZ) - epoch_us($window_from::TIMESTAMPTZ)) / 600000000 AS den,
    0 AS excluded,
    {
        'largest': coalesce(largest, 0),
        'floods': coalesce(floods, 0),
        'flood_share': coalesce(floods, 0) / den,
        'flood_list': flood_list[1:10],
        'top10_share': top / alarms,
        'top10': top_list,
        'P1': coalesce(p1, 0), 'P2': coalesce(p2, 0), 'P3': coalesce(p3, 0), 'P4': coalesce(p4, 0)
    } AS detail
FROM (SELECT DISTINCT grp FROM alarm_facts)
LEFT JOIN sums USING (grp) LEFT JOIN of_slots USING (grp) LEFT JOIN of_loads USING (grp)

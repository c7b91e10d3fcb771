-- First settled payment of each reader since so many days before the start of each experiment.
-- Grain: experiment, reader who paid. Key: experiment_code, reader_key. Reads: earlier_contributions, persons,
-- counted_experiments. Parameters: $giving_days.
SELECT
    c.experiment_code,
    coalesce(p.person_key, g.reader_key) AS reader_key,
    min(g.occurred_us) AS gift_us
FROM earlier_contributions AS g
JOIN counted_experiments AS c ON g.day >= c.starts - CAST($giving_days AS INTEGER) AND g.day <= c.counted_to
LEFT JOIN persons AS p ON p.reader_key = g.reader_key
WHERE g.status = 'settled' AND g.refund_of IS NULL AND g.reader_key IS NOT NULL
GROUP BY c.experiment_code, coalesce(p.person_key, g.reader_key)

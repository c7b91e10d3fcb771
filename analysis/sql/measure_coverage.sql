-- Was what a declared metric asks for sent at all, on every day that counts?
-- Grain: experiment, metric, part (numerator or denominator). Reads: counted_measures, counted_experiments, daily_visits,
-- daily_page_measures, contributions. A metric is known where days > 0 and days = days_sent.
WITH visit_days AS (
    SELECT DISTINCT day FROM daily_visits
),
page_days AS (
    SELECT measure, day, amount FROM daily_page_measures WHERE reader_key IS NULL
),
sent AS (
    SELECT
        count(is_trial) > 0 AS trials,
        count(CASE WHEN status = 'cancelled' THEN 1 END) > 0 AS cancellations,
        count(renewal_of) > 0 AS renewals,
        count(price_phase) > 0 AS price_phases
    FROM contributions
)
SELECT k.experiment_code, k.metric, k.is_denominator, count(*) AS days, count(*) AS days_sent
FROM counted_measures AS k
JOIN counted_experiments AS c ON c.experiment_code = k.experiment_code
JOIN visit_days AS d ON d.day BETWEEN c.starts AND c.counted_to
WHERE k.source = 'visits'
GROUP BY k.experiment_code, k.metric, k.is_denominator
UNION ALL
SELECT k.experiment_code, k.metric, k.is_denominator, count(*) AS days, count(CASE WHEN d.amount > 0 THEN 1 END) AS days_sent
FROM counted_measures AS k
JOIN counted_experiments AS c ON c.experiment_code = k.experiment_code
JOIN page_days AS d ON d.measure = k.measure AND d.day BETWEEN c.starts AND c.counted_to
WHERE k.source = 'pages'
GROUP BY k.experiment_code, k.metric, k.is_denominator
UNION ALL
SELECT k.experiment_code, k.metric, k.is_denominator, 1 AS days, 1 AS days_sent
FROM counted_measures AS k
WHERE k.source = 'appeals'
UNION ALL
SELECT
    k.experiment_code,
    k.metric,
    k.is_denominator,
    1 AS days,
    CASE
        WHEN k.needs_trial AND NOT s.trials THEN 0
        WHEN k.needs_cancellation AND NOT s.cancellations THEN 0
        WHEN k.needs_renewal AND NOT s.renewals THEN 0
        WHEN k.needs_price_phase AND NOT s.price_phases THEN 0
        WHEN k.needs_retention THEN 0
        ELSE 1
    END AS days_sent
FROM counted_measures AS k
CROSS JOIN sent AS s
WHERE k.source = 'payments'

-- Readers of the experiments being counted again who may count otherwise than before.
-- Grain: reader. Key: reader_key, of the person where links put ids together. Reads: changed_daily_exposures,
-- changed_daily_visits, changed_earlier_visits, changed_daily_page_measures, changed_daily_appeal_measures, changed_contributions,
-- changed_earlier_contributions, changed_payment_details (rows of parts that came or went since), all_contributions (of
-- before and after), counted_experiments, persons. Parameters: $reads_visits, $most_pageviews_a_minute, $most_pageviews_a_day.
-- Too many do no harm, one too few would: a payment may be changed by a row of another day and of no reader that names it,
-- as a refund, a failure or an invoice. Visits concern everybody where pages are counted, and elsewhere only whom they mark
-- as too fast.
WITH named AS (
    SELECT contribution_id FROM changed_contributions
    UNION
    SELECT refund_of AS contribution_id FROM changed_contributions WHERE refund_of IS NOT NULL
    UNION
    SELECT a.contribution_id
    FROM all_contributions AS a
    JOIN changed_payment_details AS d ON d.payment_id = a.billed_by
),
payments AS (
    SELECT contribution_id FROM named
    UNION
    SELECT a.refund_of AS contribution_id
    FROM all_contributions AS a
    JOIN named AS n ON n.contribution_id = a.contribution_id
    WHERE a.refund_of IS NOT NULL
),
keys AS (
    SELECT d.reader_key
    FROM changed_daily_exposures AS d
    JOIN counted_experiments AS c ON c.experiment_id = d.experiment_id
    UNION ALL
    SELECT reader_key FROM changed_daily_visits
    WHERE $reads_visits OR pageviews >= $most_pageviews_a_day OR most_a_minute >= $most_pageviews_a_minute
    UNION ALL
    SELECT reader_key FROM changed_earlier_visits WHERE $reads_visits
    UNION ALL
    SELECT reader_key FROM changed_daily_page_measures
    UNION ALL
    SELECT d.reader_key
    FROM changed_daily_appeal_measures AS d
    JOIN counted_experiments AS c ON c.experiment_id = d.experiment_id
    UNION ALL
    SELECT reader_key FROM changed_earlier_contributions
    UNION ALL
    SELECT a.reader_key
    FROM all_contributions AS a
    JOIN payments AS p ON p.contribution_id = a.contribution_id
)
SELECT DISTINCT coalesce(p.person_key, k.reader_key) AS reader_key
FROM keys AS k
LEFT JOIN persons AS p ON p.reader_key = k.reader_key
WHERE k.reader_key IS NOT NULL

-- What one publisher's day adds to what we know of each reader of each experiment.
-- Grain: experiment, reader. Key: experiment_id, reader_key. Sorted by it, so that later reads skip row groups.
-- Reads: appeal_events (of the day), registered_variants, registered_experiments, watched_variants, assigning_variants.
-- Parameters: $day.
-- Merges exactly over days by min, sum and bitwise or, in any order, which is why no reader state is ever rewritten.
--
-- first_exposure packs the moment of the first exposure with the codes fixed at it, so that one integer minimum finds
-- all of them, ties included: microseconds * 4096 + variant * 256 + device * 16 + reader type * 4 + day shift, where the
-- shift says how the publisher's day stands to the day in UTC: 0 the day before it, 1 the same, 2 the day after.
-- first_view packs microseconds * 4 + day shift. bits has one bit for each variant that was met, 65536 for an event of a
-- crawler and 131072 for an article that showed another experiment, too: it adds up by bitwise or. Every column less in the
-- hash table of all readers is a tenth of its time.
-- first_met packs the moment of the first event of any type with its variant: microseconds * 16 + variant; only of
-- experiments that count readers as assigned. The relations of what few experiments ask are empty where none does, so that
-- no row is read for them.
-- Where the exposure itself is the insertion, inserted_us would say it twice and stays null.
--
-- Experiments are counted by a number while grouping: text in the key of a hash table costs twice as much. Steps that
-- few readers take are grouped apart, so that the table of all readers stays narrow.
WITH known AS (
    SELECT
        v.experiment_code,
        v.variant_code,
        CASE WHEN e.is_bot THEN v.variant_bit | 65536 ELSE v.variant_bit END AS bit,
        v.exposure,
        e.reader_key,
        e.event,
        epoch_us(e.occurred_at) AS at_us,
        epoch_us(CAST($day AS TIMESTAMP)) // 86400000000 - epoch_us(e.occurred_at) // 86400000000 + 1 AS day_shift,
        e.device,
        e.reader_type
    FROM appeal_events AS e
    JOIN registered_variants AS v ON v.experiment_id = e.experiment_id AND v.variant_id = e.variant_id
    WHERE e.reader_key IS NOT NULL
),
met AS (
    SELECT
        experiment_code,
        reader_key,
        min(CASE WHEN event = exposure THEN
            at_us * 4096
            + variant_code * 256
            + CASE device
                WHEN 'mobile' THEN 1 WHEN 'desktop' THEN 2 WHEN 'tablet' THEN 3 WHEN 'app' THEN 4 WHEN 'other' THEN 5 ELSE 0
              END * 16
            + CASE reader_type WHEN 'new' THEN 1 WHEN 'returning' THEN 2 WHEN 'subscriber' THEN 3 ELSE 0 END * 4
            + day_shift
        END) AS first_exposure,
        count(CASE WHEN event = exposure THEN 1 END) AS exposures,
        bit_or(bit) AS bits,
        min(CASE WHEN event = 'viewed' THEN at_us * 4 + day_shift END) AS first_view
    FROM known
    GROUP BY experiment_code, reader_key
),
stepped AS (
    SELECT
        experiment_code,
        reader_key,
        min(CASE WHEN event = 'eligible' THEN at_us END) AS eligible_us,
        min(CASE WHEN event = 'inserted' THEN at_us END) AS inserted_us,
        min(CASE WHEN event = 'expanded' THEN at_us END) AS expanded_us,
        min(CASE WHEN event = 'clicked' THEN at_us END) AS clicked_us,
        min(CASE WHEN event = 'checkout_started' THEN at_us END) AS checkout_started_us,
        min(CASE WHEN event = 'dismissed' THEN at_us END) AS dismissed_us,
        min(CASE WHEN event = 'blocked' THEN at_us END) AS blocked_us,
        min(CASE WHEN event = 'registered' THEN at_us END) AS registered_us
    FROM known
    WHERE event <> 'viewed' AND (event <> 'inserted' OR exposure <> 'inserted')
    GROUP BY experiment_code, reader_key
),
assigned AS (
    SELECT v.experiment_code, e.reader_key, min(epoch_us(e.occurred_at) * 16 + v.variant_code) AS first_met
    FROM appeal_events AS e
    JOIN assigning_variants AS v ON v.experiment_id = e.experiment_id AND v.variant_id = e.variant_id
    WHERE e.reader_key IS NOT NULL
    GROUP BY v.experiment_code, e.reader_key
),
on_articles AS (
    SELECT DISTINCT v.experiment_code, e.reader_key, e.article_id
    FROM appeal_events AS e
    JOIN watched_variants AS v
        ON v.experiment_id = e.experiment_id AND v.variant_id = e.variant_id AND v.exposure = e.event
    WHERE e.reader_key IS NOT NULL AND e.article_id IS NOT NULL
),
overlapping AS (
    SELECT DISTINCT a.experiment_code, a.reader_key
    FROM on_articles AS a
    JOIN (
        SELECT reader_key, article_id FROM on_articles GROUP BY reader_key, article_id HAVING count(*) > 1
    ) AS s ON s.reader_key = a.reader_key AND s.article_id = a.article_id
)
SELECT
    r.experiment_id,
    m.reader_key,
    CAST($day AS DATE) AS day,
    m.first_exposure,
    CAST(m.exposures AS INTEGER) AS exposures,
    CASE WHEN o.reader_key IS NULL THEN m.bits ELSE m.bits | 131072 END AS bits,
    a.first_met,
    m.first_view,
    s.eligible_us,
    s.inserted_us,
    s.expanded_us,
    s.clicked_us,
    s.checkout_started_us,
    s.dismissed_us,
    s.blocked_us,
    s.registered_us
FROM met AS m
LEFT JOIN stepped AS s ON s.experiment_code = m.experiment_code AND s.reader_key = m.reader_key
LEFT JOIN assigned AS a ON a.experiment_code = m.experiment_code AND a.reader_key = m.reader_key
LEFT JOIN overlapping AS o ON o.experiment_code = m.experiment_code AND o.reader_key = m.reader_key
JOIN registered_experiments AS r ON r.experiment_code = m.experiment_code
ORDER BY m.experiment_code, m.reader_key

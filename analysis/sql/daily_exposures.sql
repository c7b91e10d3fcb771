-- What one publisher's day adds to what we know of each reader of each experiment.
-- Grain: experiment, reader. Key: experiment_id, reader_key. Sorted by it, so that later reads skip row groups.
-- Reads: appeal_events (of the day), registered_variants. Parameters: $day.
-- Merges exactly over days by min, sum and max, in any order, which is why no reader state is ever rewritten.
--
-- first_exposure packs the moment of the first exposure with the codes fixed at it, so that one integer minimum finds
-- all of them, ties included: microseconds * 4096 + variant * 256 + device * 16 + reader type * 4.
SELECT
    e.experiment_id,
    e.reader_key,
    CAST($day AS DATE) AS day,
    min(CASE WHEN e.event = v.exposure THEN
        epoch_us(e.occurred_at) * 4096
        + v.variant_code * 256
        + CASE e.device
            WHEN 'mobile' THEN 1 WHEN 'desktop' THEN 2 WHEN 'tablet' THEN 3 WHEN 'app' THEN 4 WHEN 'other' THEN 5 ELSE 0
          END * 16
        + CASE e.reader_type WHEN 'new' THEN 1 WHEN 'returning' THEN 2 WHEN 'subscriber' THEN 3 ELSE 0 END * 4
    END) AS first_exposure,
    CAST(sum(CASE WHEN e.event = v.exposure THEN 1 ELSE 0 END) AS INTEGER) AS exposures,
    min(v.variant_code) AS min_variant,
    max(v.variant_code) AS max_variant,
    min(CASE WHEN e.event = 'eligible' THEN epoch_us(e.occurred_at) END) AS eligible_us,
    min(CASE WHEN e.event = 'inserted' THEN epoch_us(e.occurred_at) END) AS inserted_us,
    min(CASE WHEN e.event = 'viewed' THEN epoch_us(e.occurred_at) END) AS viewed_us,
    min(CASE WHEN e.event = 'expanded' THEN epoch_us(e.occurred_at) END) AS expanded_us,
    min(CASE WHEN e.event = 'clicked' THEN epoch_us(e.occurred_at) END) AS clicked_us,
    min(CASE WHEN e.event = 'checkout_started' THEN epoch_us(e.occurred_at) END) AS checkout_started_us,
    min(CASE WHEN e.event = 'dismissed' THEN epoch_us(e.occurred_at) END) AS dismissed_us,
    min(CASE WHEN e.event = 'blocked' THEN epoch_us(e.occurred_at) END) AS blocked_us,
    min(CASE WHEN e.event = 'registered' THEN epoch_us(e.occurred_at) END) AS registered_us
FROM appeal_events AS e
JOIN registered_variants AS v ON v.experiment_id = e.experiment_id AND v.variant_id = e.variant_id
WHERE e.reader_key IS NOT NULL AND e.is_bot IS NOT TRUE
GROUP BY e.experiment_id, e.reader_key
ORDER BY e.experiment_id, e.reader_key

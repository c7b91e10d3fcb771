-- The readers of one experiment (of one range of reader keys), on both bases.
-- Grain: basis, reader. Key: basis, reader_key. Reads: daily_exposures, epochs.
-- Parameters: $experiment_id, $starts, $planned_end, $as_of, $low, $high.
-- basis `exposed`: from the first event of the registered exposure; `viewed`: from the first view. Variant and segments
-- are those of the first exposure on both. Readers who met the appeal without being exposed keep a row with first_us
-- null: they belong to the first steps of the funnel and to nothing else.
WITH merged AS (
    SELECT
        reader_key,
        min(first_exposure) AS first_exposure,
        min(CASE WHEN first_exposure IS NOT NULL THEN day END) AS first_exposed_day,
        min(CASE WHEN viewed_us IS NOT NULL THEN day END) AS first_viewed_day,
        min(min_variant) AS min_variant,
        max(max_variant) AS max_variant,
        min(eligible_us) AS eligible_us,
        min(inserted_us) AS inserted_us,
        min(viewed_us) AS viewed_us,
        min(expanded_us) AS expanded_us,
        min(clicked_us) AS clicked_us,
        min(checkout_started_us) AS checkout_started_us,
        min(dismissed_us) AS dismissed_us,
        min(blocked_us) AS blocked_us,
        min(registered_us) AS registered_us
    FROM daily_exposures
    WHERE experiment_id = $experiment_id
        AND day BETWEEN CAST($starts AS DATE) AND CAST($as_of AS DATE)
        AND reader_key BETWEEN $low AND $high
    GROUP BY reader_key
),
coded AS (
    SELECT
        *,
        first_exposure // 4096 AS exposed_us,
        coalesce(first_exposure % 4096 // 256, min_variant) AS variant_code,
        coalesce(first_exposure % 256 // 16, 0) AS device_code,
        coalesce(first_exposure % 16 // 4, 0) AS reader_type_code,
        min_variant <> max_variant AS is_contaminated
    FROM merged
    WHERE first_exposed_day IS NULL OR first_exposed_day <= CAST($planned_end AS DATE)
),
based AS (
    SELECT 'exposed' AS basis, exposed_us AS first_us, first_exposed_day AS first_day, * FROM coded
    UNION ALL
    SELECT 'viewed' AS basis, viewed_us AS first_us, first_viewed_day AS first_day, * FROM coded
    WHERE first_exposure IS NOT NULL AND viewed_us IS NOT NULL
)
SELECT
    b.basis,
    b.reader_key,
    b.first_us,
    b.first_day,
    b.variant_code,
    coalesce(e.epoch, 0) AS epoch,
    b.device_code,
    b.reader_type_code,
    b.is_contaminated,
    b.eligible_us,
    b.inserted_us,
    b.viewed_us,
    b.expanded_us,
    b.clicked_us,
    b.checkout_started_us,
    b.dismissed_us,
    b.blocked_us,
    b.registered_us
FROM based AS b
LEFT JOIN epochs AS e ON b.exposed_us >= e.starts_us AND b.exposed_us < e.ends_us

-- What all days together know of each reader of each experiment (of one range of reader keys).
-- Grain: experiment, reader. Key: experiment_code, reader_key. Reads: daily_exposures, counted_experiments, later_epochs.
-- Parameters: $low, $high.
-- Readers who met the appeal without being exposed keep a row with exposed_us null: they belong to the first steps of the
-- funnel and to nothing else. Device and kind of reader are those of the first exposure.
WITH merged AS (
    SELECT
        c.experiment_code,
        d.reader_key,
        min(d.first_exposure) AS first_exposure,
        min(d.first_view) AS first_view,
        bit_or(d.variants) AS variants
    FROM daily_exposures AS d
    JOIN counted_experiments AS c
        ON c.experiment_id = d.experiment_id AND d.day >= c.starts AND d.day <= c.counted_to
    WHERE d.reader_key BETWEEN $low AND $high
    GROUP BY c.experiment_code, d.reader_key
),
coded AS (
    SELECT
        experiment_code,
        reader_key,
        first_exposure // 4096 AS exposed_us,
        CAST(first_exposure % 4096 AS INTEGER) AS codes,
        DATE '1970-01-01' + CAST(first_exposure // 4096 // 86400000000 + first_exposure % 4 - 1 AS INTEGER) AS exposed_day,
        first_view // 4 AS viewed_us,
        DATE '1970-01-01' + CAST(first_view // 4 // 86400000000 + first_view % 4 - 1 AS INTEGER) AS viewed_day,
        CAST(bit_count((variants & -variants) - 1) AS INTEGER) AS lowest_variant,
        bit_count(variants) > 1 AS is_contaminated
    FROM merged
)
SELECT
    m.experiment_code,
    m.reader_key,
    m.exposed_us,
    m.exposed_day,
    m.viewed_us,
    m.viewed_day,
    coalesce(m.codes // 256, m.lowest_variant) AS variant_code,
    coalesce(e.epoch, 0) AS epoch,
    coalesce(m.codes % 256 // 16, 0) AS device_code,
    coalesce(m.codes % 16 // 4, 0) AS reader_type_code,
    m.is_contaminated
FROM coded AS m
JOIN counted_experiments AS c
    ON c.experiment_code = m.experiment_code AND (m.exposed_day IS NULL OR m.exposed_day <= c.planned_end)
LEFT JOIN later_epochs AS e
    ON e.experiment_code = m.experiment_code AND m.exposed_us >= e.starts_us AND m.exposed_us < e.ends_us

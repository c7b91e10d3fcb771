-- What all days together know of each reader of each experiment (of one range of reader keys).
-- Grain: experiment, reader. Key: experiment_code, reader_key. Reads: daily_exposures, counted_experiments, later_epochs,
-- special_readers, first_gifts, persons.
-- Parameters: $low, $high.
-- Readers who met the appeal without being exposed keep a row with exposed_us null: they belong to the first steps of the
-- funnel and to nothing else. Device and kind of reader are those of the first exposure; so is the variant, unless the
-- experiment counts readers as assigned. marks are the bits of `reader_rules.MARKS`: 1 met several variants, 2 did so as a
-- person put together from several ids, 4 another experiment on one article, 8 giving already, 16 employee, 32 crawler, 64
-- too fast.
WITH merged AS (
    SELECT
        c.experiment_code,
        d.reader_key,
        min(d.first_exposure) AS first_exposure,
        min(d.first_view) AS first_view,
        bit_or(d.bits) AS bits,
        min(d.first_met) AS first_met
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
        first_exposure >> 12 AS exposed_us,
        CAST(first_exposure % 4096 AS INTEGER) AS codes,
        DATE '1970-01-01' + CAST((first_exposure >> 12) // 86400000000 + first_exposure % 4 - 1 AS INTEGER) AS exposed_day,
        first_view >> 2 AS viewed_us,
        DATE '1970-01-01' + CAST((first_view >> 2) // 86400000000 + first_view % 4 - 1 AS INTEGER) AS viewed_day,
        CAST(bit_count((bits & 65535 & -(bits & 65535)) - 1) AS INTEGER) AS lowest_variant,
        CAST(first_met % 16 AS INTEGER) AS assigned_variant,
        bit_count(bits & 65535) > 1 AS met_several,
        bits
    FROM merged
),
put_together AS (
    SELECT DISTINCT person_key AS reader_key FROM persons WHERE is_merged AND n_ids > 1
)
SELECT
    m.experiment_code,
    m.reader_key,
    m.exposed_us,
    m.exposed_day,
    m.viewed_us,
    m.viewed_day,
    coalesce(m.assigned_variant, m.codes >> 8, m.lowest_variant) AS variant_code,
    coalesce(e.epoch, 0) AS epoch,
    coalesce((m.codes >> 4) % 16, 0) AS device_code,
    coalesce((m.codes >> 2) % 4, 0) AS reader_type_code,
    CASE WHEN NOT m.met_several THEN 0 WHEN t.reader_key IS NULL THEN 1 ELSE 2 END
    | CASE WHEN m.bits & 131072 <> 0 THEN 4 ELSE 0 END
    | CASE WHEN (m.codes >> 2) % 4 = 3 OR g.gift_us < m.exposed_us THEN 8 ELSE 0 END
    | CASE WHEN m.bits & 65536 <> 0 THEN 32 ELSE 0 END
    | coalesce(s.marks, 0) AS marks
FROM coded AS m
JOIN counted_experiments AS c
    ON c.experiment_code = m.experiment_code AND (m.exposed_day IS NULL OR m.exposed_day <= c.planned_end)
LEFT JOIN later_epochs AS e
    ON e.experiment_code = m.experiment_code AND m.exposed_us >= e.starts_us AND m.exposed_us < e.ends_us
LEFT JOIN special_readers AS s ON s.experiment_code = m.experiment_code AND s.reader_key = m.reader_key
LEFT JOIN first_gifts AS g ON g.experiment_code = m.experiment_code AND g.reader_key = m.reader_key
LEFT JOIN put_together AS t ON m.met_several AND t.reader_key = m.reader_key

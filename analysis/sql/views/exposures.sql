-- Readers as the statistics count them: first exposure decides day, variant and segments; an experiment that counts readers
-- as assigned takes the variant of their first event. Readers whom a rule leaves out stand in left_out_readers.
-- Grain: experiment, reader. Key: experiment_id, reader_key. Reads: daily_exposures, left_out_readers, experiments, variants.
SELECT
    m.experiment_id,
    m.reader_key,
    v.variant_id,
    make_timestamp(m.first_exposure // 4096) AS first_exposed_at,
    m.first_day,
    CASE m.first_exposure % 256 // 16
        WHEN 1 THEN 'mobile' WHEN 2 THEN 'desktop' WHEN 3 THEN 'tablet' WHEN 4 THEN 'app' WHEN 5 THEN 'other' ELSE 'unknown'
    END AS device,
    CASE m.first_exposure % 16 // 4
        WHEN 1 THEN 'new' WHEN 2 THEN 'returning' WHEN 3 THEN 'subscriber' ELSE 'unknown'
    END AS reader_type,
    m.exposures,
    m.is_contaminated
FROM (
    SELECT
        d.experiment_id,
        d.reader_key,
        min(d.first_exposure) AS first_exposure,
        min(CASE WHEN d.first_exposure IS NOT NULL THEN d.day END) AS first_day,
        sum(d.exposures)::BIGINT AS exposures,
        bit_count(bit_or(d.bits) & 65535) > 1 AS is_contaminated,
        min(d.first_met) % 16 AS assigned_variant
    FROM daily_exposures AS d
    JOIN experiments AS e ON e.experiment_id = d.experiment_id AND d.day BETWEEN e.starts AND e.counted_to
    GROUP BY d.experiment_id, d.reader_key
) AS m
JOIN experiments AS e ON e.experiment_id = m.experiment_id
JOIN variants AS v
    ON v.experiment_id = m.experiment_id
    AND v.variant_code = coalesce(m.assigned_variant, m.first_exposure % 4096 // 256)
LEFT JOIN left_out_readers AS l ON l.experiment_id = m.experiment_id AND l.reader_key = m.reader_key
WHERE l.reader_key IS NULL AND m.first_exposure IS NOT NULL AND m.first_day <= e.planned_end

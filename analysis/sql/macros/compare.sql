-- Any cut of the readers, compared by the report's formulas from the table cohorts: compare('thanks', metric := 'value', device := 'mobile', from_day := DATE '2026-10-08'). metric is conversion, value, value_uncapped or value_annualised; basis is exposed or viewed; keep is any condition on the columns of cohorts, such as keep := device <> 'tablet'.
CREATE MACRO compare(
    experiment,
    metric := 'conversion',
    basis := 'exposed',
    device := NULL,
    reader_type := NULL,
    from_day := NULL,
    to_day := NULL,
    keep := true
) AS TABLE
FROM compare_sums(
    (
        SELECT list(s)
        FROM (
            SELECT
                l.experiment_id,
                l.epoch,
                l.variant_id,
                coalesce(sum(c.readers), 0) AS n,
                CASE metric
                    WHEN 'conversion' THEN sum(c.contributors)
                    WHEN 'value' THEN sum(c.value_givers)
                    WHEN 'value_uncapped' THEN sum(c.uncapped_givers)
                    WHEN 'value_annualised' THEN sum(c.annualised_givers)
                    ELSE error('metric must be conversion, value, value_uncapped or value_annualised')
                END AS x,
                CASE metric
                    WHEN 'value' THEN sum(c.value_minor)
                    WHEN 'value_uncapped' THEN sum(c.uncapped_minor)
                    WHEN 'value_annualised' THEN sum(c.annualised_minor)
                END AS s1,
                CASE metric
                    WHEN 'value' THEN sum(c.value_minor_squared)
                    WHEN 'value_uncapped' THEN sum(c.uncapped_minor_squared)
                    WHEN 'value_annualised' THEN sum(c.annualised_minor_squared)
                END AS s2
            FROM (SELECT known_experiment(experiment) AS id) AS wanted
            JOIN variants AS v ON v.experiment_id = wanted.id
            JOIN allocations AS l ON l.experiment_id = v.experiment_id AND l.variant_id = v.variant_id
            -- A subquery of its own, so that keep sees the columns of cohorts and no others.
            LEFT JOIN (
                SELECT *
                FROM cohorts AS h
                WHERE h.basis = CASE WHEN basis IN ('exposed', 'viewed') THEN basis ELSE error('basis must be exposed or viewed') END
                    AND (device IS NULL OR h.device = device)
                    AND (reader_type IS NULL OR h.reader_type = reader_type)
                    AND (from_day IS NULL OR h.first_day >= from_day)
                    AND (to_day IS NULL OR h.first_day <= to_day)
                    AND keep
            ) AS c ON c.experiment_id = l.experiment_id AND c.variant_id = l.variant_id AND c.epoch = l.epoch
            GROUP BY l.experiment_id, l.epoch, l.variant_id
        ) AS s
    ),
    metric := metric,
    is_registered := device IS NULL AND reader_type IS NULL AND from_day IS NULL AND to_day IS NULL
)

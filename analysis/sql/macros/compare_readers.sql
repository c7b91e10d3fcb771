-- The same comparison counted from the readers themselves, by any condition on the columns of reader_outcomes, also such as no table adds up: compare_readers('thanks', keep := hour(first_exposed_at) < 9). metric is conversion, value or value_uncapped. It reads every reader: seconds, where compare takes milliseconds.
CREATE MACRO compare_readers(experiment, metric := 'conversion', keep := true) AS TABLE
FROM compare_sums(
    (
        SELECT list(s)
        FROM (
            SELECT
                l.experiment_id,
                l.epoch,
                l.variant_id,
                count(o.amount) AS n,
                count_if(o.amount > 0) AS x,
                sum(o.amount) AS s1,
                sum(o.amount * o.amount) AS s2
            FROM (SELECT known_experiment(experiment) AS id) AS wanted
            JOIN variants AS v ON v.experiment_id = wanted.id
            JOIN allocations AS l ON l.experiment_id = v.experiment_id AND l.variant_id = v.variant_id
            LEFT JOIN (
                SELECT
                    r.experiment_id,
                    r.variant_id,
                    r.first_exposed_at,
                    CASE metric
                        WHEN 'conversion' THEN r.is_converted::INTEGER
                        WHEN 'value' THEN r.value_minor
                        WHEN 'value_uncapped' THEN r.value_uncapped_minor
                        ELSE error('metric must be conversion, value or value_uncapped')
                    END::HUGEINT AS amount
                FROM reader_outcomes AS r
                -- Asked twice: a literal narrows the scan; a column of the caller's, which may bind to this very table, does no harm.
                WHERE r.experiment_id = experiment AND keep
            ) AS o
                ON o.experiment_id = l.experiment_id AND o.variant_id = l.variant_id
                AND o.first_exposed_at >= l.starts_at AND o.first_exposed_at < l.ends_at
            GROUP BY l.experiment_id, l.epoch, l.variant_id
        ) AS s
    ),
    metric := metric
)

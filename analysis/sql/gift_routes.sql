-- Settled gifts by the route that ties them to a variant, and those that none ties, though their form named the experiment.
-- Grain: experiment, variant, route, marks. Reads: settled_payments, merged_readers, reader_steps, counted_experiments,
-- counted_variants. Parameters: $low, $high, $holds_no_key.
-- A gift is tied through its reader: exposed before it, and not longer ago than the outcome window. The route is the strongest
-- sign: `field` where the form names this very variant, `click` where the reader clicked this appeal first, else `reader`;
-- `other_field` where the form names another variant of the experiment, which decides nothing. Untied gifts stand under the
-- variant that their form names: `no_reader` without an id, `not_exposed` where the id was never asked, `outside_window` where
-- it was asked later, or too long before. Gifts without an id belong to the range with the lowest key.
WITH gifts AS (
    SELECT * FROM settled_payments
    WHERE refund_of IS NULL AND (reader_key BETWEEN $low AND $high OR (reader_key IS NULL AND $holds_no_key))
),
named AS (
    SELECT g.contribution_id, v.experiment_code, v.variant_code
    FROM gifts AS g
    JOIN counted_variants AS v ON v.experiment_id = g.experiment_id AND v.variant_id = g.variant_id
),
asked AS (
    SELECT
        c.experiment_code,
        g.contribution_id,
        g.reporting_minor,
        m.variant_code,
        m.marks,
        n.variant_code AS named_variant,
        s.clicked_us <= g.at_us AS has_clicked,
        g.at_us >= m.exposed_us AND g.at_us < m.exposed_us + c.window_us AS is_inside
    FROM gifts AS g
    JOIN merged_readers AS m ON m.reader_key = g.reader_key AND m.exposed_us IS NOT NULL
    JOIN counted_experiments AS c
        ON c.experiment_code = m.experiment_code AND g.day >= c.starts AND g.day <= c.counted_to
    LEFT JOIN reader_steps AS s ON s.experiment_code = m.experiment_code AND s.reader_key = m.reader_key
    LEFT JOIN named AS n ON n.contribution_id = g.contribution_id AND n.experiment_code = m.experiment_code
),
routes AS (
    SELECT
        experiment_code,
        variant_code,
        marks,
        reporting_minor,
        CASE
            WHEN named_variant = variant_code THEN 'field'
            WHEN named_variant IS NOT NULL THEN 'other_field'
            WHEN has_clicked THEN 'click'
            ELSE 'reader'
        END AS route
    FROM asked
    WHERE is_inside
    UNION ALL
    SELECT experiment_code, named_variant AS variant_code, marks, reporting_minor, 'outside_window' AS route
    FROM asked
    WHERE NOT is_inside AND named_variant IS NOT NULL
    UNION ALL
    SELECT
        n.experiment_code,
        n.variant_code,
        0 AS marks,
        g.reporting_minor,
        CASE WHEN g.reader_key IS NULL THEN 'no_reader' ELSE 'not_exposed' END AS route
    FROM gifts AS g
    JOIN named AS n ON n.contribution_id = g.contribution_id
    JOIN counted_experiments AS c
        ON c.experiment_code = n.experiment_code AND g.day >= c.starts AND g.day <= c.counted_to
    WHERE NOT EXISTS (
        SELECT 1 FROM asked AS a
        WHERE a.contribution_id = g.contribution_id AND a.experiment_code = n.experiment_code
    )
)
SELECT
    experiment_code,
    variant_code,
    route,
    marks,
    count(*) AS gifts,
    CAST(sum(reporting_minor) AS BIGINT) AS value_minor
FROM routes
GROUP BY experiment_code, variant_code, route, marks

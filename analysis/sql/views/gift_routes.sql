-- By which route each settled gift is tied to a variant; those that none ties stand under the variant that their form names.
-- Grain: experiment, gift. Key: experiment_id, contribution_id. Reads: contributions, exposures, daily_exposures, experiments,
-- variants, left_out_readers. The rules are those of sql/gift_routes.sql, whose counts are the table tied_gifts.
WITH gifts AS (
    SELECT c.contribution_id, c.reader_key, c.occurred_at, c.day, c.reporting_minor, c.experiment_id, c.variant_id
    FROM contributions AS c
    WHERE c.status = 'settled'
        AND c.refund_of IS NULL
        AND NOT EXISTS (
            SELECT 1
            FROM contributions AS f
            WHERE f.contribution_id = c.contribution_id
                AND f.status = 'failed'
                AND f.version > coalesce(c.version, f.version - 1)
        )
),
clicks AS (
    SELECT d.experiment_id, d.reader_key, make_timestamp(min(d.clicked_us)) AS clicked_at
    FROM daily_exposures AS d
    JOIN experiments AS e ON e.experiment_id = d.experiment_id AND d.day BETWEEN e.starts AND e.counted_to
    WHERE d.clicked_us IS NOT NULL
    GROUP BY d.experiment_id, d.reader_key
),
named AS (
    SELECT g.*, v.variant_id AS named_variant
    FROM gifts AS g
    JOIN variants AS v ON v.experiment_id = g.experiment_id AND v.variant_id = g.variant_id
),
asked AS (
    SELECT
        x.experiment_id,
        g.contribution_id,
        g.reader_key,
        g.occurred_at,
        g.day,
        g.reporting_minor,
        x.variant_id,
        n.named_variant,
        k.clicked_at <= g.occurred_at AS has_clicked,
        g.occurred_at >= x.first_exposed_at AND g.occurred_at < x.first_exposed_at + to_hours(e.window_hours) AS is_inside
    FROM gifts AS g
    JOIN exposures AS x ON x.reader_key = g.reader_key
    JOIN experiments AS e ON e.experiment_id = x.experiment_id AND g.day BETWEEN e.starts AND e.counted_to
    LEFT JOIN clicks AS k ON k.experiment_id = x.experiment_id AND k.reader_key = x.reader_key
    LEFT JOIN named AS n ON n.contribution_id = g.contribution_id AND n.experiment_id = x.experiment_id
)
SELECT
    experiment_id,
    contribution_id,
    reader_key,
    CASE WHEN is_inside THEN variant_id ELSE named_variant END AS variant_id,
    CASE
        WHEN NOT is_inside THEN 'outside_window'
        WHEN named_variant = variant_id THEN 'field'
        WHEN named_variant IS NOT NULL THEN 'other_field'
        WHEN has_clicked THEN 'click'
        ELSE 'reader'
    END AS route,
    is_inside AS is_tied,
    occurred_at,
    day,
    reporting_minor
FROM asked
WHERE is_inside OR named_variant IS NOT NULL
UNION ALL
SELECT
    n.experiment_id,
    n.contribution_id,
    n.reader_key,
    n.named_variant AS variant_id,
    CASE WHEN n.reader_key IS NULL THEN 'no_reader' ELSE 'not_exposed' END AS route,
    false AS is_tied,
    n.occurred_at,
    n.day,
    n.reporting_minor
FROM named AS n
JOIN experiments AS e ON e.experiment_id = n.experiment_id AND n.day BETWEEN e.starts AND e.counted_to
WHERE NOT EXISTS (
        SELECT 1 FROM asked AS a
        WHERE a.contribution_id = n.contribution_id AND a.experiment_id = n.experiment_id
    )
    AND NOT EXISTS (
        SELECT 1 FROM left_out_readers AS l
        WHERE l.experiment_id = n.experiment_id AND l.reader_key = n.reader_key
    )

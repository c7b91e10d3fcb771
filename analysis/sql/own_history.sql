-- What the publisher's own past tests say about traffic, giving and gifts: the ground of a plan.
-- Grain: experiment. Key: experiment_id. Parameters: $surface (null: every surface). Runs on the published database.
WITH latest AS (
    SELECT experiment_id, max(as_of) AS as_of
    FROM sufficient_statistics
    GROUP BY experiment_id
),
sums AS (
    SELECT
        s.experiment_id,
        s.as_of,
        s.variant_id = x.control_id AS is_control,
        x.surface,
        date_diff('day', x.starts, least(s.as_of, x.planned_end, x.counted_to)) + 1 AS days,
        s.metric,
        s.n,
        s.x,
        s.s1,
        s.s2
    FROM sufficient_statistics AS s
    JOIN latest AS l ON l.experiment_id = s.experiment_id AND l.as_of = s.as_of
    JOIN experiments AS x ON x.experiment_id = s.experiment_id
    WHERE s.basis = 'exposed' AND s.segment_kind = 'all' AND s.metric IN ('conversion', 'value')
        AND ($surface IS NULL OR x.surface = $surface)
)
SELECT
    experiment_id,
    any_value(surface) AS surface,
    any_value(days)::BIGINT AS days,
    sum(n) FILTER (WHERE metric = 'conversion')::DOUBLE AS readers,
    sum(n) FILTER (WHERE metric = 'conversion' AND is_control)::DOUBLE AS readers_control,
    sum(x) FILTER (WHERE metric = 'conversion' AND is_control)::DOUBLE AS contributors_control,
    sum(x) FILTER (WHERE metric = 'value' AND is_control)::DOUBLE AS givers_control,
    sum(s1) FILTER (WHERE metric = 'value' AND is_control)::DOUBLE AS value_control,
    sum(s2) FILTER (WHERE metric = 'value' AND is_control)::DOUBLE AS squares_control
FROM sums
GROUP BY experiment_id
HAVING any_value(days) > 0
ORDER BY experiment_id

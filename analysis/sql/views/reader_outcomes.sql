-- What each exposed reader did inside the outcome window, net of refunds; money in minor units of the reporting currency.
-- Grain: experiment, reader. Key: experiment_id, reader_key. Reads: exposures, experiments, contributions, publisher.
SELECT
    x.experiment_id,
    x.reader_key,
    x.variant_id,
    x.first_exposed_at,
    x.first_day,
    x.device,
    x.reader_type,
    x.is_contaminated,
    coalesce(p.contributions, 0) AS contributions,
    p.contributions IS NOT NULL AS is_converted,
    coalesce(p.value_minor, 0) AS value_uncapped_minor,
    CASE
        WHEN e.cap_minor IS NULL THEN greatest(coalesce(p.value_minor, 0), 0)
        ELSE least(greatest(coalesce(p.value_minor, 0), 0), e.cap_minor)
    END AS value_minor
FROM exposures AS x
JOIN experiments AS e ON e.experiment_id = x.experiment_id
LEFT JOIN (
    SELECT
        x.experiment_id,
        x.reader_key,
        count(*) AS contributions,
        sum(c.reporting_minor - least(c.reporting_minor, coalesce(b.back_minor, 0)))::BIGINT AS value_minor
    FROM exposures AS x
    JOIN experiments AS e ON e.experiment_id = x.experiment_id
    JOIN contributions AS c
        ON c.reader_key = x.reader_key
        AND c.status = 'settled'
        AND c.refund_of IS NULL
        AND c.occurred_at >= x.first_exposed_at
        AND c.occurred_at < x.first_exposed_at + to_hours(e.window_hours)
        AND c.day <= e.counted_to
        AND NOT EXISTS (
            SELECT 1
            FROM contributions AS f
            WHERE f.contribution_id = c.contribution_id
                AND f.status = 'failed'
                AND f.version > coalesce(c.version, f.version - 1)
        )
    LEFT JOIN LATERAL (
        SELECT
            sum(CASE
                WHEN r.currency = c.currency AND c.amount_minor > 0
                    THEN CAST(round(CAST(r.amount_minor AS DOUBLE) * c.reporting_minor / c.amount_minor) AS BIGINT)
                ELSE r.reporting_minor
            END) AS back_minor
        FROM contributions AS r
        WHERE r.refund_of = c.contribution_id
            AND r.status = 'settled'
            AND NOT EXISTS (
                SELECT 1
                FROM contributions AS f
                WHERE f.contribution_id = r.contribution_id
                    AND f.status = 'failed'
                    AND (f.version IS NULL OR f.version > coalesce(r.version, f.version - 1))
            )
            AND r.occurred_at < x.first_exposed_at + to_days(e.refund_days)
            AND r.day <= e.counted_to
    ) AS b ON true
    GROUP BY x.experiment_id, x.reader_key
) AS p ON p.experiment_id = x.experiment_id AND p.reader_key = x.reader_key

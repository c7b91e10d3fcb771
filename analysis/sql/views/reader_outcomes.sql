-- What each exposed reader did inside the outcome window, net of refunds; money in minor units of the reporting currency.
-- Grain: experiment, reader. Key: experiment_id, reader_key. Reads: exposures, experiments, contributions.
-- Gifts hang on their few readers as lists, so that the many exposures are read once, and only of the experiment asked for.
WITH refunds AS (
    SELECT
        r.refund_of,
        list({
            'at': r.occurred_at, 'day': r.day, 'currency': r.currency,
            'amount_minor': r.amount_minor, 'reporting_minor': r.reporting_minor
        }) AS refunds
    FROM contributions AS r
    WHERE r.status = 'settled'
        AND r.refund_of IS NOT NULL
        AND NOT EXISTS (
            SELECT 1
            FROM contributions AS f
            WHERE f.contribution_id = r.contribution_id
                AND f.status = 'failed'
                AND (f.version IS NULL OR f.version > coalesce(r.version, f.version - 1))
        )
    GROUP BY r.refund_of
),
gifts AS (
    SELECT
        c.reader_key,
        list({
            'at': c.occurred_at, 'day': c.day, 'currency': c.currency,
            'amount_minor': c.amount_minor, 'reporting_minor': c.reporting_minor, 'refunds': b.refunds
        }) AS gifts
    FROM contributions AS c
    LEFT JOIN refunds AS b ON b.refund_of = c.contribution_id
    WHERE c.status = 'settled'
        AND c.refund_of IS NULL
        AND c.reader_key IS NOT NULL
        AND NOT EXISTS (
            SELECT 1
            FROM contributions AS f
            WHERE f.contribution_id = c.contribution_id
                AND f.status = 'failed'
                AND f.version > coalesce(c.version, f.version - 1)
        )
    GROUP BY c.reader_key
),
paid AS (
    SELECT
        x.*,
        e.cap_minor,
        list_transform(
            list_filter(
                g.gifts,
                lambda c: c.at >= x.first_exposed_at
                    AND c.at < x.first_exposed_at + to_hours(e.window_hours)
                    AND c.day <= e.counted_to
            ),
            lambda c: c.reporting_minor - least(
                c.reporting_minor,
                coalesce(
                    list_sum(
                        list_transform(
                            list_filter(
                                c.refunds,
                                lambda r: r.at < x.first_exposed_at + to_days(e.refund_days) AND r.day <= e.counted_to
                            ),
                            lambda r: CASE
                                WHEN r.currency = c.currency AND c.amount_minor > 0
                                    THEN CAST(round(CAST(r.amount_minor AS DOUBLE) * c.reporting_minor / c.amount_minor) AS BIGINT)
                                ELSE r.reporting_minor
                            END
                        )
                    ),
                    0
                )
            )
        ) AS amounts
    FROM exposures AS x
    JOIN experiments AS e ON e.experiment_id = x.experiment_id
    LEFT JOIN gifts AS g ON g.reader_key = x.reader_key
)
SELECT
    p.experiment_id,
    p.reader_key,
    p.variant_id,
    p.first_exposed_at,
    p.first_day,
    p.device,
    p.reader_type,
    p.is_contaminated,
    coalesce(len(p.amounts), 0) AS contributions,
    coalesce(len(p.amounts), 0) > 0 AS is_converted,
    coalesce(list_sum(p.amounts), 0)::BIGINT AS value_uncapped_minor,
    least(greatest(coalesce(list_sum(p.amounts), 0), 0), coalesce(p.cap_minor, 9223372036854775807))::BIGINT AS value_minor
FROM paid AS p

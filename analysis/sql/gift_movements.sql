-- Every settled payment, and every settled refund of one, as a movement of money on a publisher's day.
-- Grain: movement. Reads: settled_payments.
-- A refund moves the share of the payment that it pays back, at the payment's own rate; refunds and disputes together move
-- no more than the payment. `annualised` counts a pledge by its years_factor. gift_day is the day of
-- the payment itself: what is counted up to a day counts a refund only where the payment is counted too.
WITH gifts AS (
    SELECT * FROM settled_payments WHERE refund_of IS NULL AND reader_key IS NOT NULL
),
refunds AS (
    SELECT
        g.contribution_id,
        g.reader_key,
        g.at_us AS gift_us,
        g.day AS gift_day,
        g.reporting_minor AS gift_minor,
        r.contribution_id AS refund_id,
        r.at_us,
        r.day,
        g.years_factor,
        CASE
            WHEN r.currency = g.currency AND g.amount_minor > 0
                THEN CAST(round(CAST(r.amount_minor AS DOUBLE) * g.reporting_minor / g.amount_minor) AS BIGINT)
            ELSE r.reporting_minor
        END AS back_minor
    FROM settled_payments AS r
    JOIN gifts AS g ON g.contribution_id = r.refund_of
),
netted AS (
    SELECT
        *,
        least(gift_minor, paid_back) - least(gift_minor, coalesce(paid_back - back_minor, 0)) AS taken_minor
    FROM (
        SELECT
            *,
            sum(back_minor) OVER (
                PARTITION BY contribution_id ORDER BY at_us, refund_id
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS paid_back
        FROM refunds
    ) AS r
)
SELECT
    contribution_id,
    reader_key,
    at_us AS gift_us,
    day AS gift_day,
    at_us,
    day,
    false AS is_refund,
    years_factor = 0 AS is_renewal,
    reporting_minor AS cash,
    reporting_minor * years_factor AS annualised
FROM gifts
UNION ALL
SELECT
    contribution_id,
    reader_key,
    gift_us,
    gift_day,
    at_us,
    day,
    true AS is_refund,
    years_factor = 0 AS is_renewal,
    CAST(-taken_minor AS BIGINT) AS cash,
    CAST(-taken_minor * years_factor AS BIGINT) AS annualised
FROM netted

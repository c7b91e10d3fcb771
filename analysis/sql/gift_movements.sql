-- Every settled payment, and every settled refund of one, as a movement of money on a publisher's day.
-- Grain: movement. Reads: contributions.
-- A refund moves the share of the payment that it pays back, at the payment's own rate. `annualised` counts a monthly
-- pledge twelve times at its first payment and its later payments not at all. gift_day is the day of the payment itself:
-- what is counted up to a day counts a refund only where the payment is counted too.
WITH settled AS (
    SELECT
        contribution_id,
        reader_key,
        epoch_us(occurred_at) AS at_us,
        day,
        amount_minor,
        currency,
        reporting_minor,
        CASE WHEN renewal_of IS NOT NULL THEN 0 WHEN recurrence = 'monthly' THEN 12 ELSE 1 END AS years_factor,
        refund_of
    FROM contributions
    WHERE status = 'settled'
),
gifts AS (
    SELECT * FROM settled WHERE refund_of IS NULL AND reader_key IS NOT NULL
),
refunds AS (
    SELECT
        g.reader_key,
        g.at_us AS gift_us,
        g.day AS gift_day,
        r.at_us,
        r.day,
        g.years_factor,
        CASE
            WHEN r.currency = g.currency AND g.amount_minor > 0
                THEN CAST(round(CAST(r.amount_minor AS DOUBLE) * g.reporting_minor / g.amount_minor) AS BIGINT)
            ELSE r.reporting_minor
        END AS back_minor
    FROM settled AS r
    JOIN gifts AS g ON g.contribution_id = r.refund_of
)
SELECT
    reader_key,
    at_us AS gift_us,
    day AS gift_day,
    at_us,
    day,
    false AS is_refund,
    reporting_minor AS cash,
    reporting_minor * years_factor AS annualised
FROM gifts
UNION ALL
SELECT
    reader_key,
    gift_us,
    gift_day,
    at_us,
    day,
    true AS is_refund,
    -back_minor AS cash,
    -back_minor * years_factor AS annualised
FROM refunds

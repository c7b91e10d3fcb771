-- What every settled payment, refund of one and end of a pledge adds to the declared measures of contributions.
-- Grain: measure, movement. Reads: gift_movements, contributions, payment_measures.
-- A refund takes back money, and not that a payment was made. Of pledges only the first payment counts where a year is
-- counted: its months are in `months`.
WITH movements AS (
    SELECT
        g.contribution_id,
        g.reader_key,
        g.gift_us,
        g.at_us,
        g.day,
        g.is_refund,
        g.is_renewal,
        false AS is_cancellation,
        g.cash,
        c.product,
        c.recurrence,
        c.price_phase,
        coalesce(c.is_trial, false) AS is_trial
    FROM gift_movements AS g
    JOIN contributions AS c ON c.contribution_id = g.contribution_id AND c.status = 'settled' AND c.refund_of IS NULL
    UNION ALL
    SELECT
        contribution_id,
        reader_key,
        occurred_us AS gift_us,
        occurred_us AS at_us,
        day,
        false AS is_refund,
        false AS is_renewal,
        true AS is_cancellation,
        0 AS cash,
        product,
        recurrence,
        price_phase,
        coalesce(is_trial, false) AS is_trial
    FROM contributions
    WHERE status = 'cancelled' AND reader_key IS NOT NULL
)
SELECT
    m.measure,
    p.reader_key,
    p.gift_us,
    p.at_us,
    p.day,
    p.is_refund,
    CASE
        WHEN m.sums IN ('rows', 'readers') THEN 1
        WHEN m.sums = 'cash' THEN p.cash
        WHEN p.is_renewal THEN 0
        ELSE CAST(round(p.cash * CASE WHEN p.recurrence = 'monthly' THEN m.months ELSE 1.0 END) AS BIGINT)
    END AS amount
FROM movements AS p
JOIN payment_measures AS m
    ON p.is_cancellation = m.is_cancellation
    AND NOT (p.is_refund AND m.sums IN ('rows', 'readers'))
    AND (m.product IS NULL OR m.product = p.product)
    AND (m.recurrence IS NULL OR m.recurrence = p.recurrence)
    AND (m.price_phase IS NULL OR m.price_phase = p.price_phase)
    AND (m.is_trial IS NULL OR m.is_trial = p.is_trial)
    AND (m.is_renewal IS NULL OR m.is_renewal = p.is_renewal)

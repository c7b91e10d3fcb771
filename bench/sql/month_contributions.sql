-- Payments of a made month and their refunds, by the day on which the money moved.
-- Grain: payment or refund. Reads: asked (event_id, occurred_at, reader_id: asks by which a reader was moved to give).
-- Six in ten pay within minutes, the others within days; amounts are lognormal around 7.40; one payment in fifty goes back.
WITH drawn AS (
    SELECT
        event_id,
        occurred_at AS asked_at,
        reader_id,
        (hash(event_id || ' 1') >> 11)::DOUBLE / 9007199254740992.0 AS u1,
        (hash(event_id || ' 2') >> 11)::DOUBLE / 9007199254740992.0 AS u2,
        (hash(event_id || ' 3') >> 11)::DOUBLE / 9007199254740992.0 AS u3,
        hash(event_id || ' 4') % 100 AS kind
    FROM asked
),
gifts AS (
    SELECT
        'c' || event_id AS contribution_id,
        asked_at + to_seconds(CAST(least(
            CASE WHEN kind % 10 < 6 THEN -600 * ln(1 - u1) ELSE -259200 * ln(1 - u1) END, 2000000) AS BIGINT) + 30) AS occurred_at,
        reader_id,
        CAST(greatest(100, round(100 * exp(2.0 + 1.1 * sqrt(-2 * ln(greatest(u2, 1e-12))) * cos(2 * pi() * u3)))) AS BIGINT)
            AS amount_minor,
        CASE WHEN kind < 70 THEN 'once' WHEN kind < 95 THEN 'monthly' ELSE 'annual' END AS recurrence,
        kind,
        u3
    FROM drawn
)
SELECT contribution_id, occurred_at, reader_id, amount_minor, 'GBP' AS currency, 'settled' AS status, 'gift' AS product,
    recurrence, CAST(NULL AS VARCHAR) AS refund_of
FROM gifts
UNION ALL
SELECT 'b' || contribution_id, occurred_at + to_seconds(CAST(3600 + u3 * 1700000 AS BIGINT)), reader_id, amount_minor, 'GBP',
    'settled', 'gift', recurrence, contribution_id
FROM gifts
WHERE kind IN (7, 57)

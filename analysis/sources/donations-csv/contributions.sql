-- Gifts of a donation platform. Grain: line. Reads: landed. Parameters: the options of the mapping.
-- A status that no option names is set aside, not guessed: taken for failed, money would be missing without a word.
-- Local time is taken to UTC by the named zone: of an hour that occurs twice in autumn, the second.
SELECT
    row_number,
    id AS contribution_id,
    coalesce(
        CAST(CAST(try_strptime(paid_at, $date_format) AS TIMESTAMP) AT TIME ZONE $time_zone AT TIME ZONE 'UTC' AS VARCHAR),
        paid_at
    ) AS occurred_at,
    coalesce(reader_id, donor) AS reader_id,
    coalesce(CAST(minor(
        CASE WHEN $decimal = ',' THEN replace(replace(amount, '.', ''), ',', '.') ELSE replace(amount, ',', '') END,
        coalesce(currency, $currency)
    ) AS VARCHAR), amount) AS amount_minor,
    coalesce(currency, $currency) AS currency,
    CASE
        WHEN named_in(status, $settled) THEN 'settled'
        WHEN named_in(status, $pending) THEN 'pending'
        WHEN named_in(status, $failed) THEN 'failed'
    END AS status,
    $product AS product,
    CASE
        WHEN named_in(interval, $monthly) THEN 'monthly'
        WHEN named_in(interval, $annual) THEN 'annual'
        ELSE 'once'
    END AS recurrence,
    CASE WHEN first_id <> id THEN first_id END AS renewal_of,
    refund_of,
    experiment_id,
    variant_id
FROM landed

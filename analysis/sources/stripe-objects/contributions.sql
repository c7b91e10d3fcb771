-- Payments, refunds, disputes and ended pledges of Stripe. Grain: object. Reads: landed.
-- Parameters: $product, $recurrence_of_invoices, $live_only.
-- Only a charge that was captured, paid and not reported as fraud is settled. A dispute takes the money back when it is
-- lost; while it is open it is pending, and a won one has failed to take anything. Test-mode objects are passed over.
-- Stripe counts some currencies in other units than ISO 4217 does: the ariary in whole units, the krona of Iceland and the
-- Ugandan shilling in hundredths.
SELECT
    row_number,
    id AS contribution_id,
    make_timestamp(CASE WHEN object = 'subscription' THEN coalesce(canceled_at, ended_at) ELSE created END * 1000000) AS occurred_at,
    coalesce(reader_id, customer) AS reader_id,
    CASE WHEN object = 'subscription' THEN 0 WHEN upper(currency) = 'MGA' THEN coalesce(nullif(amount_captured, 0), amount) * 100
        WHEN upper(currency) = 'ISK' THEN coalesce(nullif(amount_captured, 0), amount) // 100
        WHEN upper(currency) = 'UGX' THEN coalesce(nullif(amount_captured, 0), amount) // 100
        ELSE coalesce(nullif(amount_captured, 0), amount)
    END AS amount_minor,
    upper(currency) AS currency,
    CASE object
        WHEN 'subscription' THEN 'cancelled'
        WHEN 'charge' THEN CASE
            WHEN status = 'failed' OR stripe_report = 'fraudulent' OR user_report = 'fraudulent' THEN 'failed'
            WHEN status = 'succeeded' AND paid = 'true' AND captured = 'true' THEN 'settled'
            ELSE 'pending'
        END
        WHEN 'refund' THEN CASE
            WHEN status = 'succeeded' THEN 'settled' WHEN status IN ('failed', 'canceled') THEN 'failed' ELSE 'pending'
        END
        ELSE CASE
            WHEN status = 'lost' THEN 'settled'
            WHEN status IN ('won', 'warning_closed', 'prevented') THEN 'failed'
            ELSE 'pending'
        END
    END AS status,
    coalesce(product, $product) AS product,
    CASE
        WHEN recurrence IN ('once', 'monthly', 'annual') THEN recurrence
        WHEN invoice IS NOT NULL OR object = 'subscription' THEN $recurrence_of_invoices
        ELSE 'once'
    END AS recurrence,
    CASE WHEN object IN ('refund', 'dispute') THEN charge END AS refund_of,
    experiment_id,
    variant_id,
    invoice AS billed_by
FROM landed
WHERE (object IN ('charge', 'refund', 'dispute')
        OR (object = 'subscription' AND coalesce(canceled_at, ended_at) IS NOT NULL))
    AND ($live_only <> 'yes' OR coalesce(livemode, 'true') = 'true')

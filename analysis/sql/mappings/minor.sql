-- An amount in major units, as a decimal number, in minor units of its currency: 12.50 GBP is 1250, 12 JPY is 12.
-- Null where the currency is none or the amount has more decimals than its currency.
CREATE OR REPLACE TEMP MACRO minor(amount, currency) AS (
    CASE
        WHEN TRY_CAST(amount AS DECIMAL(18, 4)) * power(10, getvariable('minor_digits')[upper(currency)])
            = round(TRY_CAST(amount AS DECIMAL(18, 4)) * power(10, getvariable('minor_digits')[upper(currency)]))
            THEN CAST(round(TRY_CAST(amount AS DECIMAL(18, 4)) * power(10, getvariable('minor_digits')[upper(currency)])) AS BIGINT)
    END
)

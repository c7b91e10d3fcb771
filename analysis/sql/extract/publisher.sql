-- Whose numbers, in which currency. Grain: one row. Reads: publisher.
SELECT
    name, time_zone, reporting_currency, minor_digits
FROM publisher

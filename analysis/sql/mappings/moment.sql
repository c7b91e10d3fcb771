-- A moment from the forms that exports use: seconds, milliseconds or microseconds since 1970, or text with or without offset.
-- UTC where the text has no offset.
CREATE OR REPLACE TEMP MACRO moment(raw) AS (
    CASE
        WHEN regexp_full_match(raw, '\d{9,10}(\.\d+)?') THEN make_timestamp(CAST(round(CAST(raw AS DOUBLE) * 1000000) AS BIGINT))
        WHEN regexp_full_match(raw, '\d{12,13}') THEN make_timestamp(CAST(raw AS BIGINT) * 1000)
        WHEN regexp_full_match(raw, '\d{15,16}') THEN make_timestamp(CAST(raw AS BIGINT))
        ELSE CAST(TRY_CAST(rtrim(replace(raw, ' UTC', 'Z')) AS TIMESTAMPTZ) AS TIMESTAMP)
    END
)

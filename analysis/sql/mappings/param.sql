-- The text of an event parameter by its name, from a list of key and value as web analytics exports have it; else null.
CREATE OR REPLACE TEMP MACRO param(params, name) AS (
    list_extract(list_filter(params, lambda p: p.key = name), 1).value
)

-- A cut of the readers compared. Grain: variant. Reads: the macro compare.
-- Parameters: $experiment, $metric, $device, $reader_type, $from_day, $to_day (null: no cut).
SELECT * FROM compare(
    $experiment,
    metric := $metric,
    device := $device::VARCHAR,
    reader_type := $reader_type::VARCHAR,
    from_day := $from_day::DATE,
    to_day := $to_day::DATE
)

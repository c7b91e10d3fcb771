-- The readers of the experiments being counted, on both bases: what the statements of single metrics join.
-- Grain: experiment, basis, reader. Key: experiment_code, basis, reader_key. Reads: merged_readers, reader_steps,
-- counted_experiments. A view, read anew by each statement: one that needs one basis and no step reads merged_readers.
-- basis `exposed`: from the first event of the registered exposure; `viewed`: from the first view. Variant and segments
-- are those of the first exposure on both. Readers who met the appeal without being exposed have first_us null.
WITH based AS (
    SELECT 'exposed' AS basis, exposed_us AS first_us, exposed_day AS first_day, * FROM merged_readers
    UNION ALL
    SELECT 'viewed' AS basis, viewed_us AS first_us, viewed_day AS first_day, * FROM merged_readers
    WHERE exposed_us IS NOT NULL AND viewed_us IS NOT NULL
)
SELECT
    b.experiment_code,
    b.basis,
    b.reader_key,
    b.first_us,
    b.first_day,
    b.variant_code,
    b.epoch,
    b.device_code,
    b.reader_type_code,
    b.marks,
    s.eligible_us,
    CASE WHEN c.is_inserted THEN b.exposed_us ELSE s.inserted_us END AS inserted_us,
    b.viewed_us,
    s.expanded_us,
    s.clicked_us,
    s.checkout_started_us,
    s.dismissed_us,
    s.blocked_us,
    s.registered_us
FROM based AS b
JOIN counted_experiments AS c ON c.experiment_code = b.experiment_code
LEFT JOIN reader_steps AS s ON s.experiment_code = b.experiment_code AND s.reader_key = b.reader_key

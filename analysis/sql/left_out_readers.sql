-- Exposed readers whom a rule leaves out, with everything that marks them.
-- Grain: experiment, reader. Key: experiment_code, reader_key. Reads: merged_readers, counted_experiments.
SELECT m.experiment_code, c.experiment_id, m.reader_key, m.variant_code, m.marks, 1 AS readers
FROM merged_readers AS m
JOIN counted_experiments AS c ON c.experiment_code = m.experiment_code
WHERE m.exposed_us IS NOT NULL AND m.marks & c.left_out <> 0

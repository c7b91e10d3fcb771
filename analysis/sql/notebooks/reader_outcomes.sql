-- Readers of an experiment with what they gave. Grain: reader. Reads: reader_outcomes. Parameters: $experiment.
SELECT * FROM reader_outcomes WHERE experiment_id = $experiment

-- Gains by day. Grain: day, variant. Reads: the macro daily. Parameters: $experiment.
SELECT * FROM daily($experiment)

-- Experiments with their verdicts. Grain: experiment. Reads: experiments, decisions.
SELECT e.*, d.verdict, d.variant_id, d.basis
FROM experiments AS e
LEFT JOIN decisions AS d ON d.experiment_id = e.experiment_id
QUALIFY row_number() OVER (PARTITION BY e.experiment_id ORDER BY d.as_of DESC) = 1
ORDER BY e.experiment_id

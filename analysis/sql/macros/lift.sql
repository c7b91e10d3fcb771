-- Lift of each variant over the control on the last day, with the range that the report says (however often one looks, or up to a registered end): lift('thanks', metric := 'conversion').
CREATE MACRO lift(experiment, metric := 'value') AS TABLE
SELECT
    e.variant_id,
    e.control_id,
    e.n,
    e.x,
    e.lift,
    CASE WHEN e.planned_sign IS NULL THEN e.anytime_low ELSE e.planned_low END AS low,
    CASE WHEN e.planned_sign IS NULL THEN e.anytime_high ELSE e.planned_high END AS high,
    CASE WHEN e.planned_sign IS NULL THEN 'anytime' ELSE 'planned' END AS guarantee,
    e.e_value,
    e.chance_better,
    e.reason,
    e.as_of
FROM (SELECT known_experiment(experiment) AS id) AS wanted
JOIN estimates AS e ON e.experiment_id = wanted.id
WHERE e.metric = known_metric(metric) AND e.basis = 'exposed' AND e.segment_kind = 'all'
QUALIFY e.as_of = max(e.as_of) OVER ()
ORDER BY e.lift DESC NULLS LAST

-- Settled value per 1,000 readers asked on the last day, in minor units; rule is cash (capped), uncapped or annualised: value_per_1000('thanks', rule := 'annualised').
CREATE MACRO value_per_1000(experiment, rule := 'cash') AS TABLE
SELECT
    r.variant_id,
    r.n AS readers,
    r.x AS contributors,
    r.mean * 1000 AS value_per_1000_minor,
    e.difference_per_1000 AS difference_minor,
    e.difference_low AS difference_low_minor,
    e.difference_high AS difference_high_minor,
    coalesce(r.reason, e.reason) AS reason,
    r.as_of
FROM (SELECT known_experiment(experiment) AS id) AS wanted
JOIN variant_results AS r ON r.experiment_id = wanted.id
LEFT JOIN estimates AS e
    ON e.experiment_id = r.experiment_id AND e.as_of = r.as_of AND e.basis = r.basis AND e.segment_kind = r.segment_kind
    AND e.segment = r.segment AND e.metric = r.metric AND e.variant_id = r.variant_id
WHERE r.basis = 'exposed' AND r.segment_kind = 'all'
    AND r.metric = CASE rule
        WHEN 'cash' THEN 'value'
        WHEN 'uncapped' THEN 'value_uncapped'
        WHEN 'annualised' THEN 'value_annualised'
        ELSE error('rule must be cash, uncapped or annualised')
    END
QUALIFY r.as_of = max(r.as_of) OVER ()
ORDER BY r.variant_id

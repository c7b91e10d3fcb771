"""From sufficient statistics to statements: intervals, e-values, posteriors, decisions' inputs.

Nothing here reads a file, knows a table's name in the warehouse, or draws.

What the pipeline and `askwell analyze` call, frame in and frame out (schemas in `analysis.result_tables`, plans and shares
from `analysis.registry`):

    inference.prior_scale.learned_scales(statistics, plans, shares, surfaces) -> SCALE_SCHEMA
    inference.estimates.estimate(statistics, plans, shares, *, scales=None) -> ESTIMATES
    inference.estimates.describe_variants(statistics, plans, shares, *, scales=None) -> VARIANT_RESULTS
    inference.adjusted.adjusted_estimates(classes, plans, shares) -> ADJUSTED_ESTIMATES
    inference.other_readings.other_readings(statistics, estimates, plans, shares) -> OTHER_READINGS
    trust.run_checks(exposure_counts, statistics, estimates, plans, shares) -> CHECKS
    decisions.decide(estimates, variant_results, checks, plans, guardrails, *, days=None) -> DECISIONS

`exposure_counts` has `analysis.sufficient.EXPOSURE_COUNT_SCHEMA`, `classes` has `CLASS_SCHEMA`; what is not counted there is null. Each call takes any
number of experiments and days (`as_of` null for a table without dates).

Below them: kernels over NumPy arrays (`proportions`, `means`, `sequential`, `bayesian`, `multiplicity`, `pooling`,
`ratios`, `variance_reduction`, `group_sequential`, `allocation`), and what a notebook asks for one comparison (`estimator`, `results`).
"""

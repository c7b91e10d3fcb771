"""`python -m bench.inference [EXPERIMENTS]`: the statistics of many experiments, beside tea-tasting and statsmodels.

Makes sufficient statistics of experiments with two to four variants and five metrics, and times every stage from them to
the verdicts. Then gives the same sums, comparison by comparison, to tea-tasting (one experiment a call, as it is used)
and the same counts to statsmodels' score interval of a risk ratio. CPU seconds, the median of three runs.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import polars as pl
import tea_tasting as tt
from rich.console import Console
from rich.table import Table
from statsmodels.stats.proportion import confint_proportions_2indep
from tea_tasting.aggr import Aggregates

from analysis.decisions import decide
from analysis.inference.estimates import describe_variants, estimate
from analysis.trust import run_checks
from bench.made_statistics import METRICS, Made, made

_RUNS = 3
#: Experiments that the libraries are timed on: they cost milliseconds each, whatever their number.
_SAMPLE = 200


def _cpu(call: Callable[[], object]) -> float:
    """Median CPU seconds (user and system, all threads) of three calls."""
    times = []
    for _ in range(_RUNS):
        before = time.process_time()
        call()
        times.append(time.process_time() - before)
    return statistics.median(times)


def stages(given: Made) -> dict[str, float]:
    """CPU seconds of each stage of Askwell."""
    estimates = estimate(given.statistics, given.plans, given.shares)
    described = describe_variants(given.statistics, given.plans, given.shares)
    checks = run_checks(given.counts, given.statistics, estimates, given.plans, given.shares)
    return {
        "estimates": _cpu(lambda: estimate(given.statistics, given.plans, given.shares)),
        "variants": _cpu(lambda: describe_variants(given.statistics, given.plans, given.shares)),
        "trust checks": _cpu(lambda: run_checks(given.counts, given.statistics, estimates, given.plans, given.shares)),
        "decisions": _cpu(lambda: decide(estimates, described, checks, given.plans, given.guardrails)),
    }


def tea_tasting(given: Made) -> tuple[float, int]:
    """CPU seconds of tea-tasting on the experiments given, and comparisons (metric by variant) made."""
    experiment = tt.Experiment({name: tt.Mean(name) for name in METRICS})
    cases: list[dict[object, Aggregates]] = []
    for part in given.statistics.partition_by("experiment_id", maintain_order=True):
        arms: dict[object, Aggregates] = {}
        for (variant,), rows in part.partition_by("variant_id", as_dict=True, maintain_order=True).items():
            # Money is counted among all readers, as are the rest; one number of readers serves all five metrics.
            n = int(rows["n"][0])
            mean = {name: s1 / n for name, s1 in rows.select("metric", "s1").iter_rows()}
            spread = {
                name: (s2 - s1 * s1 / n) / (n - 1) for name, s1, s2 in rows.select("metric", "s1", "s2").iter_rows()
            }
            arms[variant] = Aggregates(count_=n, mean_=mean, var_=spread, cov_={})
        cases.append(arms)
    compared = sum(len(arms) - 1 for arms in cases) * len(METRICS)

    def analyse() -> None:
        for arms in cases:
            experiment.analyze(arms, control="v0", all_variants=True)

    return _cpu(analyse), compared


def statsmodels(given: Made) -> tuple[float, int]:
    """CPU seconds of the score interval of a risk ratio (Miettinen & Nurminen 1985), and comparisons made."""
    rows = given.statistics.filter(pl.col("metric") == "conversion").select("experiment_id", "variant_id", "n", "x")
    control = rows.filter(pl.col("variant_id") == "v0").drop("variant_id")
    pairs = list(
        rows.filter(pl.col("variant_id") != "v0")
        .join(control, on="experiment_id", suffix="_control")
        .select("x", "n", "x_control", "n_control")
        .iter_rows()
    )

    def analyse() -> None:
        for x, n, x_control, n_control in pairs:
            confint_proportions_2indep(x, n, x_control, n_control, method="score", compare="ratio")

    return _cpu(analyse), len(pairs)


def main(experiments: int) -> None:
    given = made(experiments)
    spent = stages(given)
    compared = (given.shares.height - experiments) * len(METRICS)
    sample = made(min(_SAMPLE, experiments))
    tea, tea_compared = tea_tasting(sample)
    models, models_compared = statsmodels(sample)
    ours = spent["estimates"] / compared
    console = Console(width=120)
    shown = Table("stage", "CPU s", "microseconds a comparison")
    for name, seconds in {**spent, "together": sum(spent.values())}.items():
        shown.add_row(name, f"{seconds:.2f}", f"{seconds / compared * 1e6:.1f}")
    console.print(f"{experiments:,} experiments, {compared:,} comparisons")
    console.print(shown)
    beside = Table("library", "comparisons", "microseconds a comparison", "x estimates", "x all four stages")
    every = sum(spent.values()) / compared
    for name, seconds, number in (("tea-tasting", tea, tea_compared), ("statsmodels", models, models_compared)):
        each = seconds / number
        beside.add_row(name, f"{number:,}", f"{each * 1e6:.0f}", f"{each / ours:.0f}", f"{each / every:.0f}")
    console.print(beside)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30_000)

"""`python -m tests.simulation.truth [--seeds N]`: does the pipeline find what the simulation put there?

For every seed a publisher of size `TRUTH` is simulated and taken through the whole pipeline, from landed files to
verdicts, and what was found is held against `truth.json`. Ends with the line `N passed, M failed` over the criteria, and
exits with 1 where one failed.

What is asked, and of which intervals: the 95 % intervals for the lift of conversion, value and pageviews of every
variant on the last day, of a team's own count of givers and its own ratio of givers to pages, which are declared in the
settings alone, both the fixed-horizon and the anytime-valid ones. An experiment that `fix_first` stops promises
no interval and is left out, as is an interval that is absent with a reason; both are counted and said. Intervals of one
seed share readers and are not independent; seeds are.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import polars as pl
from rich.console import Console
from rich.table import Table

from analysis.edition import draft, write_decisions, write_estimates, write_statistics
from analysis.ingestion import ingest
from analysis.outcomes import refresh_cohorts, refresh_daily_exposures, refresh_daily_measures, refresh_daily_visits
from analysis.registry import read_registry
from analysis.settings import Settings, read_settings
from analysis.simulation.publisher import simulate
from analysis.simulation.sizes import TRUTH, SimulationSize
from analysis.simulation.truth import ExperimentTruth, Truth
from analysis.store import Warehouse

Kind = Literal["fixed", "anytime"]

KINDS: tuple[Kind, ...] = ("fixed", "anytime")
#: Metrics that the team declares, and nothing in the code knows: who gave, and that over pages read.
OWN_METRICS = """
[metrics.own_givers]
label = "Gave, as the team counts it"
direction = "more_is_better"
window_days = 7
numerator = { rows = "contributions", sum = "readers" }

[metrics.own_givers_a_page]
label = "Givers a page read"
direction = "more_is_better"
window_days = 7
numerator = { rows = "contributions", sum = "readers" }
denominator = { rows = "pageviews" }
"""
_OWN_WINDOW_HOURS = 7 * 24
METRICS = ("conversion", "value", "pageviews", "own_givers", "own_givers_a_page")

#: Share of the 95 % intervals that must hold the truth.
COVERAGE = 0.95 - 0.02
#: Share of seeds in which one null experiment may be `use_it` on basis `proven`.
FALSE_PROOFS = 0.10


#: Verdicts that must come out at every seed, by what is true of the experiment.
EXPECTED = {"reading": "stop_harm", "split": "fix_first"}


@dataclass(frozen=True)
class FoundInterval:
    """One 95 % interval for a lift beside the true lift; `low` and `high` are None where it is absent."""

    seed: int
    experiment_id: str
    variant_id: str
    metric: str
    kind: Kind
    true_lift: float
    low: float | None
    high: float | None
    reason: str | None

    @property
    def is_present(self) -> bool:
        """True where both limits are known; a bound on one side alone is no interval."""
        return self.low is not None and self.high is not None

    @property
    def holds(self) -> bool:
        """True where the truth lies between the limits."""
        return self.low is not None and self.high is not None and self.low <= self.true_lift <= self.high


@dataclass(frozen=True)
class FoundVerdict:
    """The verdict on one experiment beside what is true of it."""

    seed: int
    experiment_id: str
    effect: str
    is_null: bool
    verdict: str
    basis: str | None
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """What the pipeline found on some publishers. `intervals` leaves out experiments that are `fix_first`."""

    seeds: tuple[int, ...]
    intervals: tuple[FoundInterval, ...]
    verdicts: tuple[FoundVerdict, ...]
    events: int

    @classmethod
    def joined(cls, found: Sequence[Found]) -> Found:
        """All of several studies as one."""
        return cls(
            tuple(seed for one in found for seed in one.seeds),
            tuple(interval for one in found for interval in one.intervals),
            tuple(verdict for one in found for verdict in one.verdicts),
            sum(one.events for one in found),
        )


@dataclass(frozen=True)
class Criterion:
    """A sentence that must be true, and what was seen."""

    sentence: str
    seen: str
    passed: bool


def find(folder: Path, size: SimulationSize, seed: int) -> Found:
    """Simulate a publisher in `folder`, take it through the pipeline, and return what was found beside what is true."""
    truth = simulate(folder, size, seed=seed)
    _declare_own_metrics(folder)
    settings = read_settings(folder)
    estimates, decisions, events = _computed(settings, _morning_after(size.last_day, settings))
    verdicts = tuple(_verdict(seed, truth.experiment(row["experiment_id"]), row) for row in decisions)
    stopped = {verdict.experiment_id for verdict in verdicts if verdict.verdict == "fix_first"}
    intervals = tuple(
        interval
        for row in estimates
        if row["experiment_id"] not in stopped
        for interval in _intervals(seed, truth, row)
    )
    return Found((seed,), intervals, verdicts, events)


def _declare_own_metrics(folder: Path) -> None:
    """Let every experiment ask for the team's own metrics, by its files alone."""
    with (folder / "askwell.toml").open("a", encoding="utf-8") as settings:
        settings.write(OWN_METRICS)
    for file in (folder / "experiments").glob("*.toml"):
        text = file.read_text(encoding="utf-8")
        asked = 'secondary_metrics = ["own_givers", "own_givers_a_page"]'
        file.write_text(text.replace("\nprimary_metric", f"\n{asked}\nprimary_metric", 1), encoding="utf-8")


def _true_ratio(truth: ExperimentTruth, variant_id: str, metric: str) -> float | None:
    """Ratio of a metric as the simulation states it, or as follows from what it states."""
    variant = truth.variant(variant_id)
    if not metric.startswith("own_"):
        return getattr(variant, f"{metric}_ratio")
    if truth.window_hours != _OWN_WINDOW_HOURS or variant.conversion_ratio is None:
        return None
    if metric == "own_givers":
        return variant.conversion_ratio
    return None if variant.pageviews_ratio is None else variant.conversion_ratio / variant.pageviews_ratio


def _computed(settings: Settings, now: datetime) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
    """Estimates of the last day, decisions, and rows received."""
    experiments, warehouse = read_registry(settings.folders.experiments, settings.shared), Warehouse(settings)
    with warehouse.writing():
        ingested = ingest(warehouse, experiments, now=now)
        refresh_daily_exposures(warehouse, experiments)
        refresh_daily_visits(warehouse)
        refresh_daily_measures(warehouse, experiments)
        refresh_cohorts(warehouse, experiments, draft(warehouse, experiments, now).as_of)
        edition = draft(warehouse, experiments, now)
        write_statistics(warehouse, experiments, edition)
        estimates = write_estimates(warehouse, experiments, edition)
        decisions = write_decisions(warehouse, experiments, edition)
    last = estimates.filter(
        pl.col("basis") == "exposed",
        pl.col("segment_kind") == "all",
        pl.col("metric").is_in(METRICS),
        pl.col("as_of") == pl.col("as_of").max().over("experiment_id"),
    )
    return list(last.iter_rows(named=True)), list(decisions.iter_rows(named=True)), ingested.received


def _morning_after(day: date, settings: Settings) -> datetime:
    return datetime(day.year, day.month, day.day, 6, tzinfo=settings.zone) + timedelta(days=1)


def _verdict(seed: int, truth: ExperimentTruth, row: dict[str, Any]) -> FoundVerdict:
    ratios = {
        ratio
        for variant in truth.variants
        for ratio in (variant.conversion_ratio, variant.value_ratio, variant.pageviews_ratio)
    }
    is_null = truth.effect != "split" and ratios <= {1.0, None}
    return FoundVerdict(
        seed, truth.experiment_id, truth.effect, is_null, row["verdict"], row["basis"], tuple(row["reasons"])
    )


def _intervals(seed: int, truth: Truth, row: dict[str, Any]) -> list[FoundInterval]:
    """Both intervals of an estimate; none where the simulation states no truth for it."""
    ratio = _true_ratio(truth.experiment(row["experiment_id"]), row["variant_id"], row["metric"])
    if ratio is None:
        return []
    return [
        FoundInterval(
            seed,
            row["experiment_id"],
            row["variant_id"],
            row["metric"],
            kind,
            ratio - 1.0,
            row[f"{kind}_low"],
            row[f"{kind}_high"],
            row["reason"],
        )
        for kind in KINDS
    ]


def criteria(found: Found, *, coverage: float = COVERAGE) -> list[Criterion]:
    """What must hold over the seeds studied; `coverage` is the least share of intervals that hold the truth."""
    return [
        *[_coverage_criterion(found, kind, coverage) for kind in KINDS],
        _false_proof_criterion(found),
        _verdict_criterion(found, "reading", "the wording that drives readers away"),
        _verdict_criterion(found, "split", "the experiment with a broken split"),
    ]


def _coverage_criterion(found: Found, kind: Kind, coverage: float) -> Criterion:
    present = [interval for interval in found.intervals if interval.kind == kind and interval.is_present]
    held = sum(interval.holds for interval in present)
    return Criterion(
        f"at least {coverage:.1%} of the {kind} 95 % intervals hold the truth",
        f"{held} of {len(present)}" + (f" ({held / len(present):.1%})" if present else ""),
        bool(present) and held >= coverage * len(present),
    )


def _false_proof_criterion(found: Found) -> Criterion:
    nulls = [verdict for verdict in found.verdicts if verdict.is_null]
    proven: dict[str, int] = {verdict.experiment_id: 0 for verdict in nulls}
    for verdict in nulls:
        proven[verdict.experiment_id] += (verdict.verdict, verdict.basis) == ("use_it", "proven")
    allowed = math.floor(FALSE_PROOFS * len(found.seeds))
    worst = max(proven, key=lambda name: proven[name], default=None)
    return Criterion(
        f"no null experiment is use_it on basis proven in more than {allowed} of {len(found.seeds)}",
        "there is no null experiment" if worst is None else f"at most {proven[worst]}, of {len(proven)} experiments",
        worst is not None and proven[worst] <= allowed,
    )


def _verdict_criterion(found: Found, effect: str, what: str) -> Criterion:
    verdict = EXPECTED[effect]
    concerned = [one for one in found.verdicts if one.effect == effect]
    right = [one for one in concerned if one.verdict == verdict]
    return Criterion(
        f"{what} is {verdict} for every seed",
        f"{len(right)} of {len(found.seeds)}",
        len(right) == len(found.seeds) == len(concerned),
    )


def _coverage_table(found: Found) -> Table:
    table = Table("interval", "metric", "present", "absent", "hold the truth", "share", title="95 % intervals")
    for kind in KINDS:
        for metric in METRICS:
            of_metric = [one for one in found.intervals if (one.kind, one.metric) == (kind, metric)]
            present = [one for one in of_metric if one.is_present]
            held = sum(one.holds for one in present)
            share = f"{held / len(present):.1%}" if present else "none"
            table.add_row(kind, metric, str(len(present)), str(len(of_metric) - len(present)), str(held), share)
    return table


def _verdict_table(found: Found) -> Table:
    table = Table("experiment", "what is true", "misses (fixed, anytime)", "verdicts", title="experiments")
    for experiment_id in sorted({one.experiment_id for one in found.verdicts}):
        own = [one for one in found.verdicts if one.experiment_id == experiment_id]
        words = [" ".join(filter(None, (one.verdict, one.basis))) for one in own]
        tally = ", ".join(f"{words.count(word)} {word}" for word in sorted(set(words), key=words.count, reverse=True))
        misses = [
            _misses([one for one in found.intervals if one.experiment_id == experiment_id], kind) for kind in KINDS
        ]
        blocks = [reason.removeprefix("trust_blocked:") for one in own for reason in one.reasons if "blocked" in reason]
        if blocks:
            tally += f" (blocked by {', '.join(f'{blocks.count(name)} {name}' for name in sorted(set(blocks)))})"
        table.add_row(experiment_id, "nothing" if own[0].is_null else own[0].effect, ", ".join(misses), tally)
    return table


def _misses(intervals: Sequence[FoundInterval], kind: Kind) -> str:
    present = [one for one in intervals if one.kind == kind and one.is_present]
    return f"{sum(not one.holds for one in present)} of {len(present)}" if present else "left out"


def main(arguments: Sequence[str]) -> int:
    """Study the seeds asked for, print what was found, and return 1 where a criterion failed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation.truth", description="Does the pipeline find what the simulation put there?"
    )
    parser.add_argument("--seeds", type=int, default=20, help="how many publishers (default 20)")
    parser.add_argument("--first-seed", type=int, default=1, help="seed of the first of them (default 1)")
    parser.add_argument("--readers", type=int, default=TRUTH.readers, help="size of each (default %(default)s)")
    chosen = parser.parse_args(arguments)
    size = SimulationSize(TRUTH.name, chosen.readers, TRUTH.days, TRUTH.days_per_delivery, TRUTH.is_mixed)
    studied: list[Found] = []
    started = time.monotonic()
    for seed in range(chosen.first_seed, chosen.first_seed + chosen.seeds):
        with tempfile.TemporaryDirectory(prefix="askwell-truth-") as folder:
            one = find(Path(folder), size, seed)
        studied.append(one)
        misses = sum(not interval.holds for interval in one.intervals if interval.is_present)
        sys.stderr.write(
            f"seed {seed} ({len(studied)} of {chosen.seeds}): {one.events:,} rows, {misses} intervals miss, "
            f"{time.monotonic() - started:.0f} s so far\n"
        )
    found = Found.joined(studied)
    console = Console(width=140)
    console.print(_coverage_table(found), _verdict_table(found))
    for missed in (one for one in found.intervals if one.is_present and not one.holds):
        sys.stdout.write(
            f"missed: seed {missed.seed}, {missed.experiment_id}/{missed.variant_id}, {missed.metric}, {missed.kind}: "
            f"[{missed.low:+.3f}, {missed.high:+.3f}], true {missed.true_lift:+.3f}\n"
        )
    for odd in (one for one in found.verdicts if one.verdict != EXPECTED.get(one.effect, one.verdict)):
        sys.stdout.write(f"odd: seed {odd.seed}, {odd.experiment_id}: {odd.verdict}, {', '.join(odd.reasons)}\n")
    judged = criteria(found)
    for criterion in judged:
        sys.stdout.write(f"{'passed' if criterion.passed else 'FAILED'}: {criterion.sentence} ({criterion.seen})\n")
    failed = sum(not criterion.passed for criterion in judged)
    sys.stdout.write(f"{len(judged) - failed} passed, {failed} failed\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

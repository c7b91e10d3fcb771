"""The short form of `make truth`: one publisher, the same criteria; and the judge itself is judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.simulation.sizes import TRUTH
from tests.simulation.truth import EXPECTED, Found, FoundInterval, FoundVerdict, Kind, criteria, find

#: Of fifty intervals of one publisher, whose readers they share, this many may well miss.
COVERAGE_OF_ONE = 0.85


@pytest.mark.slow
def test_the_pipeline_finds_what_is_true_of_a_simulated_publisher(tmp_path: Path) -> None:
    found = find(tmp_path, TRUTH, seed=1)
    assert len(found.intervals) > 40
    assert [criterion for criterion in criteria(found, coverage=COVERAGE_OF_ONE) if not criterion.passed] == []


def interval(low: float | None, high: float | None, kind: Kind = "fixed") -> FoundInterval:
    return FoundInterval(1, "thanks", "b", "value", kind, 0.1, low, high, None)


def verdict(effect: str, verdict: str, basis: str | None = None, *, seed: int = 1) -> FoundVerdict:
    return FoundVerdict(seed, f"test of {effect}", effect, effect == "null", verdict, basis, ())


RIGHT = (verdict("reading", "stop_harm"), verdict("split", "fix_first"), verdict("null", "too_early"))
HOLDS = (interval(0.0, 0.2), interval(0.0, 0.2, "anytime"))


def failures(intervals: tuple[FoundInterval, ...], verdicts: tuple[FoundVerdict, ...], n_seeds: int = 1) -> list[str]:
    found = Found(tuple(range(1, n_seeds + 1)), intervals, verdicts, events=0)
    return [criterion.sentence for criterion in criteria(found) if not criterion.passed]


def test_nothing_fails_where_all_is_as_it_should_be() -> None:
    assert failures(HOLDS, RIGHT) == []


def test_an_interval_beside_the_truth_fails_its_kind_alone() -> None:
    (failed,) = failures((*HOLDS, interval(0.2, 0.3)), RIGHT)
    assert "fixed" in failed


def test_an_absent_interval_is_no_miss_and_no_hit() -> None:
    assert failures((*HOLDS, interval(None, 0.05), interval(None, None)), RIGHT) == []
    assert len(failures((interval(None, None), interval(None, 0.3, "anytime")), RIGHT)) == 2


def test_a_null_experiment_may_be_proven_twice_in_twenty_and_not_three_times() -> None:
    right = tuple(verdict(effect, what, seed=n) for n in range(1, 21) for effect, what in EXPECTED.items())
    twice = (*right, verdict("null", "use_it", "proven", seed=1), verdict("null", "use_it", "proven", seed=2))
    assert failures(HOLDS, twice, 20) == []
    (failed,) = failures(HOLDS, (*twice, verdict("null", "use_it", "proven", seed=3)), 20)
    assert "null" in failed


def test_a_best_bet_on_a_null_experiment_is_no_false_proof() -> None:
    assert failures(HOLDS, (*RIGHT, verdict("null", "use_it", "best_bet"))) == []


def test_harm_and_a_broken_split_must_be_seen_at_every_seed() -> None:
    assert len(failures(HOLDS, (verdict("reading", "too_early"), verdict("split", "use_it"), RIGHT[2]))) == 2
    assert len(failures(HOLDS, RIGHT, n_seeds=2)) == 2

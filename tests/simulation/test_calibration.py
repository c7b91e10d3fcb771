"""The short form of `make calibration`: the same promises, wider bands; and the judge itself is judged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.golden.comparators import cs_growthbook
from tests.simulation import calibration
from tests.simulation.calibration import PAGE, Calibration, Row, Share, calibrate, failures, page


@pytest.fixture(scope="module")
def found() -> Calibration:
    return calibrate(400, seed=2, sizes=(100, 1000), donors=(300,), caps=(np.inf, 500.0), several=(3,))


def test_every_promise_is_kept(found: Calibration) -> None:
    assert failures(found) == []


def test_daily_looks_at_a_fixed_test_do_harm(found: Calibration) -> None:
    (fixed,) = (row for row in found.rows if (row.what, row.size, row.method) == ("conversion", 1000, "fixed"))
    assert fixed.alarms.low > 0.15


def test_the_judge_fails_evidence_that_is_only_a_fixed_test(found: Calibration) -> None:
    (fixed,) = (row for row in found.rows if (row.what, row.size, row.method) == ("conversion", 1000, "fixed"))
    broken = failures(replace(found, rows=(replace(fixed, method="exact mixture"),)))
    assert len(broken) == 2  # false alarms, and the truth excluded
    assert "under daily looks" in broken[0]


def test_the_judge_fails_evidence_that_finds_nothing(found: Calibration) -> None:
    (exact,) = (row for row in found.rows if (row.what, row.size, row.method) == ("conversion", 1000, "exact mixture"))
    blind = replace(exact, power=Share.of(np.zeros(400)))
    assert any("power" in sentence for sentence in failures(replace(found, rows=(blind,))))


def test_the_judge_fails_a_registered_end_that_is_only_a_fixed_test(found: Calibration) -> None:
    (fixed,) = (row for row in found.rows if (row.what, row.size, row.method) == ("conversion", 1000, "fixed"))
    broken = failures(replace(found, rows=(replace(fixed, method="registered end"),)))
    assert any("under daily looks" in sentence for sentence in broken)


def test_the_judge_fails_several_variants_that_are_each_read_alone(found: Calibration) -> None:
    (several,) = (row for row in found.rows if row.what == "3 variants")
    loose = replace(several, alarms=Share.of(np.arange(400) % 8 == 0))
    assert any("3 variants" in sentence for sentence in failures(replace(found, rows=(loose,))))


def test_the_judge_fails_a_plan_whose_factor_is_too_small(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calibration.planning, "ANYTIME_FACTOR_REGISTERED", 1.0)
    planned = tuple(calibration.planned_power(300, np.random.default_rng(1)))
    broken = failures(Calibration(1, 300, (), (), planned))
    assert sum("plan for" in sentence for sentence in broken) == len(planned)


def test_the_judge_fails_a_loss_rule_that_earns_no_more_than_proof(found: Calibration) -> None:
    def swapped(rule: str) -> str:
        pair = ("anytime proof", "expected loss, from day 7")
        return pair[1 - pair.index(rule)] if rule in pair else rule

    gains = tuple(replace(gain, rule=swapped(gain.rule)) for gain in found.gains)
    assert any("loss rule" in sentence for sentence in failures(replace(found, gains=gains)))


def test_the_growthbook_form_is_that_of_the_golden_comparator() -> None:
    n, xa, xb = 20_000.0, 37.0, 52.0
    low, high = calibration._growthbook(np.array([xa]), np.array([xb]), np.array([n]))
    expected = cs_growthbook(
        {"na": n, "nb": n, "sa": xa, "sb": xb, "qa": xa, "qb": xb, "alpha": 0.05, "n_star": calibration.N_STAR}
    )
    assert np.expm1(high[0]) == pytest.approx(expected["rel_hi"], rel=1e-9)
    assert np.expm1(low[0]) == pytest.approx(max(expected["rel_lo"], -1.0), rel=1e-9)


def test_the_same_seed_finds_the_same_and_the_page_has_a_line_for_every_row(found: Calibration) -> None:
    again = calibrate(100, seed=7, sizes=(30,), donors=(), caps=(), several=())
    assert again == calibrate(100, seed=7, sizes=(30,), donors=(), caps=(), several=())
    assert sum(
        line.startswith(("| conversion |", "| money", "| 3 variants")) for line in page(found).splitlines()
    ) == len(found.rows)


def test_the_page_that_is_kept_says_that_it_was_made_here() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows: tuple[Row, ...] = ()
    head = page(Calibration(1, 4000, rows, ())).split("## Under daily looks")[0]
    assert text.startswith(head)

"""Each verdict reached, by the rule that gives it, in the order of the rules."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from analysis.decisions import Verdict, decide
from analysis.inference.estimates import describe_variants, estimate
from analysis.result_tables import DECISIONS
from analysis.trust import run_checks
from tests.analysis.inference.tables import counts, exposures, guard, money, no_guardrails, plan, row, split, statistics

TODAY = date(2026, 3, 20)


def gave(variant: str, x: int, n: int = 100_000, gift: float = 3000.0, **changes: Any) -> list[dict[str, object]]:
    """Conversion and value of a variant whose gifts are worth `gift` each, with twice its square."""
    return [
        row(variant, n, x, **changes),
        money(variant, n, x, gift * x, 2 * gift**2 * x, **{"top": 5 * gift, **changes}),
    ]


def pages(variant: str, mean: float, n: int = 100_000) -> dict[str, object]:
    return row(variant, n, n, metric="pageviews", s1=mean * n, s2=(mean**2 + 16) * n)


def verdict(
    rows: list[dict[str, object]],
    *,
    plans: pl.DataFrame | None = None,
    shares: pl.DataFrame | None = None,
    guardrails: pl.DataFrame | None = None,
    count_rows: list[dict[str, object]] | None = None,
    days: int | None = None,
) -> dict[str, Any]:
    frame = statistics(rows)
    registered, share = plan() if plans is None else plans, split() if shares is None else shares
    estimates = estimate(frame, registered, share)
    if count_rows is None:
        first = frame.filter((pl.col("metric") == "conversion") & (pl.col("basis") == "exposed"))
        count_rows = [
            counts(r["variant_id"], r["n"], as_of=r["as_of"], epoch=r["epoch"]) for r in first.iter_rows(named=True)
        ]
    checks = run_checks(exposures(count_rows), frame, estimates, registered, share)
    described = describe_variants(frame, registered, share)
    found = decide(
        estimates, described, checks, registered, no_guardrails() if guardrails is None else guardrails, days=days
    )
    assert found.schema == pl.Schema(DECISIONS.schema)
    assert found.height == 1
    return found.row(0, named=True)


EVEN_TEST = [*gave("a", 1000), *gave("b", 1040)]


def test_broken_split_is_fixed_first_whatever_the_figures_say() -> None:
    found = verdict([*gave("a", 1000, 103_001), *gave("b", 4000)])
    assert found["verdict"] == Verdict.FIX_FIRST
    assert found["reasons"] == ["trust_blocked:sample_ratio"]
    assert found["variant_id"] is None
    assert found["best_variant_id"] == "b"


def test_harm_to_reading_stops_a_variant_that_earns_more() -> None:
    rows = [*gave("a", 1000), *gave("b", 1400), pages("a", 5.0), pages("b", 4.6)]
    found = verdict(rows, guardrails=guard())
    assert found["verdict"] == Verdict.STOP_HARM
    assert found["variant_id"] == "b"
    assert found["reasons"][-1] == "guardrail_broken:pageviews"


def test_where_more_is_worse_the_interval_is_read_with_its_sign_turned() -> None:
    def dismissed(b: int) -> dict[str, Any]:
        rows = [*gave("a", 1000), *gave("b", 1400)]
        rows += [row(v, 100_000, x, metric="dismissed") for v, x in (("a", 20_000), ("b", b))]
        return verdict(rows, guardrails=guard("dismissed", 0.05))

    assert dismissed(23_000)["verdict"] == Verdict.STOP_HARM
    assert dismissed(17_000)["verdict"] == Verdict.USE_IT
    assert dismissed(20_000)["verdict"] == Verdict.USE_IT


@pytest.mark.parametrize(
    ("as_of", "x", "reasons"),
    [
        (date(2026, 3, 6), 1000, ["too_few_days"]),
        (TODAY, 99, ["too_few_contributors"]),
        (date(2026, 3, 6), 99, ["too_few_days", "too_few_contributors"]),
    ],
)
def test_too_early(as_of: date, x: int, reasons: list[str]) -> None:
    found = verdict([*gave("a", x, as_of=as_of), *gave("b", 1400, as_of=as_of)])
    assert found["verdict"] == Verdict.TOO_EARLY
    assert found["reasons"] == ["trust_passed", "no_guardrails", *reasons]
    assert found["smallest_contributors"] == min(x, 1400)


def test_seven_full_days_and_a_hundred_contributors_are_enough() -> None:
    seventh = date(2026, 3, 7)
    found = verdict([*gave("a", 100, as_of=seventh), *gave("b", 180, as_of=seventh)])
    assert found["n_days"] == 7
    assert "enough_data" in found["reasons"]


def test_variant_that_nobody_saw_has_no_contributors() -> None:
    shares = split({"a": 1.0, "b": 1.0, "c": 1e-9})
    assert verdict(EVEN_TEST, shares=shares)["smallest_contributors"] == 0


def test_proven_and_best_bet_are_two_things() -> None:
    proven = verdict([*gave("a", 1000), *gave("b", 1400)])
    assert (proven["verdict"], proven["variant_id"], proven["basis"]) == (Verdict.USE_IT, "b", "proven")
    assert proven["proven_at"] == TODAY
    assert proven["expected_loss_per_1000"] <= proven["loss_threshold_per_1000"]
    bet = verdict([*gave("a", 1000), *gave("b", 1150)])
    assert (bet["verdict"], bet["variant_id"], bet["basis"]) == (Verdict.USE_IT, "b", "best_bet")
    assert bet["proven_at"] is None
    assert bet["forecast_reason"] == "not_needed"


def test_control_is_used_when_the_others_lose() -> None:
    proven = verdict([*gave("a", 1400), *gave("b", 1000)])
    assert (proven["verdict"], proven["variant_id"], proven["basis"]) == (Verdict.USE_IT, "a", "proven")
    assert proven["proven_at"] is None
    bet = verdict([*gave("a", 1150), *gave("b", 1000)])
    assert (bet["verdict"], bet["variant_id"], bet["basis"]) == (Verdict.USE_IT, "a", "best_bet")


def test_first_day_of_proof_stays_on_record() -> None:
    rows = [
        r
        for day, b in enumerate((300, 800, 1000, 1150))
        for variant, x in (("a", 200 * (day + 2)), ("b", b))
        for r in gave(variant, x, 20_000 * (day + 2), as_of=TODAY - timedelta(days=3 - day))
    ]
    found = verdict(rows, count_rows=[counts("a", 100_000), counts("b", 100_000)])
    assert found["as_of"] == TODAY
    assert found["proven_at"] == TODAY - timedelta(days=2)
    assert found["basis"] == "best_bet"


def test_a_day_without_an_e_value_is_no_day_of_proof() -> None:
    """Fewer than 25 contributors: the lift is shown and leads, nothing is proven."""
    first = TODAY - timedelta(days=1)
    rows = [*gave("a", 6, 5000, as_of=first), *gave("b", 12, 5000, as_of=first), *gave("a", 1000), *gave("b", 1040)]
    found = verdict(rows, count_rows=[counts("a", 100_000), counts("b", 100_000)])
    assert found["best_variant_id"] == "b"
    assert found["proven_at"] is None


def test_small_loss_is_not_used_while_a_guardrail_is_open_or_missing() -> None:
    rows = [*gave("a", 1000), *gave("b", 1400)]
    wide = verdict([*rows, pages("a", 5.0, 2000), pages("b", 5.0, 2000)], guardrails=guard())
    assert wide["verdict"] == Verdict.KEEP_ASKING
    assert "guardrail_not_settled:pageviews" in wide["reasons"]
    assert wide["forecast_reason"] == "guardrail_not_settled"
    assert verdict(rows, guardrails=guard())["verdict"] == Verdict.KEEP_ASKING
    inside = verdict([*rows, pages("a", 5.0), pages("b", 5.0)], guardrails=guard())
    assert inside["verdict"] == Verdict.USE_IT
    assert "guardrails_unharmed" in inside["reasons"]


def test_open_guardrail_of_another_variant_does_not_hold_the_control_back() -> None:
    rows = [*gave("a", 1400), *gave("b", 1000), pages("a", 5.0, 2000), pages("b", 5.0, 2000)]
    assert verdict(rows, guardrails=guard())["verdict"] == Verdict.USE_IT


def test_cap_that_turns_the_sign_leaves_the_decision_to_a_person() -> None:
    rows = [*gave("a", 1000), *gave("b", 1400)]
    rows += [
        money("a", 100_000, 1000, 9e6, 5e11, metric="value_uncapped"),
        money("b", 100_000, 1400, 8e6, 5e11, metric="value_uncapped"),
    ]
    found = verdict(rows)
    assert found["verdict"] == Verdict.KEEP_ASKING
    assert "cap_turns_sign" in found["reasons"]
    assert found["forecast_reason"] == "cap_turns_sign"
    kept = verdict([r | {"variant_id": {"a": "b", "b": "a"}[str(r["variant_id"])]} for r in rows])
    assert kept["verdict"] == Verdict.KEEP_ASKING


def test_no_difference_that_matters() -> None:
    rows = [*gave("a", 20_000, 2_000_000), *gave("b", 20_200, 2_000_000)]
    found = verdict(rows, plans=plan(smallest_effect=0.1, loss_threshold=1e-5))
    assert found["verdict"] == Verdict.NO_DIFFERENCE
    assert found["reasons"][-1] == "inside_smallest_effect"
    assert verdict(rows, plans=plan(smallest_effect=0.02, loss_threshold=1e-5))["verdict"] != Verdict.NO_DIFFERENCE
    skipped = verdict(rows, plans=plan(loss_threshold=1e-5))
    assert "no_smallest_effect" in skipped["reasons"]
    assert skipped["verdict"] != Verdict.NO_DIFFERENCE


def test_keep_asking_names_the_leader_and_the_days_of_an_answer() -> None:
    found = verdict(EVEN_TEST, plans=plan(planned_end=date(2027, 3, 1)))
    assert found["verdict"] == Verdict.KEEP_ASKING
    assert found["variant_id"] == "b"
    assert found["reasons"][-1] == "forecast_within_plan"
    assert TODAY < found["forecast_even"] <= found["forecast_sure"]
    assert found["forecast_reason"] is None


def test_test_that_will_not_answer_in_time_cannot_tell() -> None:
    rows = [*gave("a", 120, gift=9000.0), *gave("b", 122, gift=9000.0)]
    found = verdict(rows, plans=plan(loss_threshold=1e-4))
    assert found["verdict"] == Verdict.CANNOT_TELL
    assert found["reasons"][-1] == "forecast_beyond_planned_end"
    assert found["forecast_even"] is None or found["forecast_even"] > date(2026, 4, 11)


def test_planned_end_without_an_answer_cannot_tell() -> None:
    end = date(2026, 4, 11)
    rows = [r | {"as_of": end} for r in EVEN_TEST]
    found = verdict(rows)
    assert found["verdict"] == Verdict.CANNOT_TELL
    assert found["reasons"][-1] == "planned_end_reached"
    assert found["n_days"] == 42


def test_table_without_dates_skips_days_and_forecast() -> None:
    rows = [r | {"as_of": None} for r in EVEN_TEST]
    found = verdict(rows)
    assert found["verdict"] == Verdict.KEEP_ASKING
    assert found["n_days"] is None
    assert found["forecast_reason"] == "no_dates"
    assert verdict(rows, days=3)["verdict"] == Verdict.TOO_EARLY


def test_money_without_spread_is_never_used() -> None:
    rows = [
        row("a", 10**6, 800),
        row("b", 10**6, 900),
        money("a", 10**6, 800, 1.0e6, None),
        money("b", 10**6, 900, 1.4e6, None),
    ]
    found = verdict(rows)
    assert found["verdict"] == Verdict.KEEP_ASKING
    assert "loss_unknown" in found["reasons"]
    assert found["best_variant_id"] is None
    assert found["expected_loss_per_1000"] is None
    assert found["forecast_reason"] == "no_spread"


def test_proof_among_several_variants_needs_the_closed_evidence() -> None:
    shares = split({"a": 1.0, "b": 1.0, "c": 1.0})
    two = verdict([*gave("a", 1000), *gave("b", 1250)], plans=plan(primary_metric="conversion"))
    three = verdict(
        [*gave("a", 1000), *gave("b", 1250), *gave("c", 1000)], plans=plan(primary_metric="conversion"), shares=shares
    )
    assert two["basis"] == "proven"
    assert three["variant_id"] == "b"
    assert three["basis"] == "proven"
    narrow = [*gave("a", 1000), *gave("b", 1155)]
    assert verdict(narrow, plans=plan(primary_metric="conversion"))["basis"] == "proven"
    crowded = verdict([*narrow, *gave("c", 1000)], plans=plan(primary_metric="conversion"), shares=shares)
    assert crowded["basis"] == "best_bet"


def test_rules_take_their_numbers_from_the_plan() -> None:
    assert verdict(EVEN_TEST, plans=plan(loss_threshold=0.5))["verdict"] == Verdict.USE_IT
    assert verdict(EVEN_TEST, plans=plan(minimum_days=21))["verdict"] == Verdict.TOO_EARLY
    assert verdict(EVEN_TEST, plans=plan(minimum_contributors=1001))["verdict"] == Verdict.TOO_EARLY
    strict = verdict([*gave("a", 1000), *gave("b", 1230)], plans=plan(primary_metric="conversion", alpha=1e-9))
    assert strict["basis"] == "best_bet"


def test_each_experiment_is_decided_on_its_own_last_day() -> None:
    rows = EVEN_TEST + [
        r | {"experiment_id": "other", "as_of": date(2026, 3, 5)} for r in [*gave("a", 900), *gave("b", 1400)]
    ]
    plans, shares = pl.concat([plan(), plan("other")]), pl.concat([split(), split(experiment="other")])
    frame = statistics(rows)
    estimates = estimate(frame, plans, shares)
    checks = run_checks(
        exposures(
            [
                counts(v, 100_000, experiment_id=e, as_of=d)
                for e, d in (("appeal", TODAY), ("other", date(2026, 3, 5)))
                for v in ("a", "b")
            ]
        ),
        frame,
        estimates,
        plans,
        shares,
    )
    found = decide(estimates, describe_variants(frame, plans, shares), checks, plans, no_guardrails())
    assert found.select("experiment_id", "as_of", "n_days").rows() == [
        ("appeal", TODAY, 20),
        ("other", date(2026, 3, 5), 5),
    ]
    assert found["verdict"][1] == Verdict.TOO_EARLY


def test_nothing_to_decide_gives_no_rows_and_an_unplanned_experiment_is_refused() -> None:
    frame = statistics(EVEN_TEST)
    estimates, described = estimate(frame, plan(), split()), describe_variants(frame, plan(), split())
    checks = run_checks(exposures([]), frame, estimates, plan(), split())
    assert decide(estimates.clear(), described.clear(), checks, plan(), no_guardrails()).is_empty()
    with pytest.raises(ValueError, match="no plan is registered for appeal"):
        decide(estimates, described, checks, plan("other"), no_guardrails())

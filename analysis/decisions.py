"""One verdict an experiment: the registered rule, asked in order, with every answer on record.

Evidence and decision are kept apart: `proven` comes from e-values that hold however often one looks, `use_it` from the
expected loss in money. Nothing is estimated here except when an answer may be expected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis import planning
from analysis.inference import bayesian
from analysis.inference.arrays import Array
from analysis.inference.multiplicity import log_closed_e
from analysis.inference.planned_end import guaranteed
from analysis.metrics import METRICS, Metric
from analysis.result_tables import DECISIONS


class Verdict(StrEnum):
    """What is to be done with an experiment today."""

    FIX_FIRST = "fix_first"
    STOP_HARM = "stop_harm"
    TOO_EARLY = "too_early"
    USE_IT = "use_it"
    NO_DIFFERENCE = "no_difference"
    CANNOT_TELL = "cannot_tell"
    KEEP_ASKING = "keep_asking"


_DAY = ["experiment_id", "as_of"]


def decide(
    estimates: pl.DataFrame,
    variant_results: pl.DataFrame,
    checks: pl.DataFrame,
    plans: pl.DataFrame,
    guardrails: pl.DataFrame,
    *,
    days: int | None = None,
    metrics: Mapping[str, Metric] = METRICS,
) -> pl.DataFrame:
    """Return the verdict of each experiment on its last day.

    The rules, in order; the first that holds gives the verdict, and `reasons` records the answer of each one asked:

    1. a trust check blocks -> `fix_first` (`trust_blocked:<check>`);
    2. the anytime interval of a guardrail lies wholly beyond its margin -> `stop_harm` (`guardrail_broken:<metric>`);
    3. fewer full days or contributors in the smallest variant than registered -> `too_early` (`too_few_days`,
       `too_few_contributors`);
    4. the expected loss of the best variant is at most the registered share of the control's mean, every guardrail of
       that variant lies inside its margin, and no cap turns its sign -> `use_it`, basis `proven` where its closed e-value
       reached 1/alpha (with a registered end: where a look went beyond its bound), else `best_bet`;
    5. all intervals of the registered guarantee lie inside the smallest effect that matters, on the log scale -> `no_difference`;
    6. the registered end has been reached, or even odds of an answer only after the planned end -> `cannot_tell`;
    7. else `keep_asking`.

    A table without dates skips the days of rule 3 (unless `days` is given) and rule 6.

    Args:
        estimates: Schema `ESTIMATES`; days before the last serve `proven_at`.
        variant_results: Schema `VARIANT_RESULTS`.
        checks: Schema `CHECKS`.
        plans: `registry.PLAN_SCHEMA`.
        guardrails: `registry.GUARDRAIL_SCHEMA`.
        days: Full days that a table without dates covers, where known.
        metrics: The metrics by name, a team's own among them (`registry.catalogue`).

    Returns:
        Schema `DECISIONS`; one row per experiment that has variant results, in their order.
    """
    if variant_results.is_empty():
        return DECISIONS.frame()
    facts = _facts(estimates, variant_results, checks, plans, guardrails, days, metrics)
    return _with_forecast(_judged(facts)).select(pl.col(name).cast(dtype) for name, dtype in DECISIONS.schema.items())


@dataclass(frozen=True)
class _Board:
    """Numbers of the primary metric today: a row a test, a column a variant, the control in column 0."""

    present: NDArray[np.bool_]
    contributors: Array
    mean: Array
    se: Array
    loss: Array
    low: Array
    high: Array
    log_ratio: Array
    is_reached: NDArray[np.bool_]
    is_ended: NDArray[np.bool_]
    tau: Array

    def leaders(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Columns of the smallest and the second smallest expected loss; -1 where it is not known."""
        loss = np.where(np.isnan(self.loss), np.inf, self.loss)
        order = np.argsort(loss, axis=1, kind="stable")
        rows = np.arange(loss.shape[0])
        best, rival = order[:, 0], order[:, 1]
        return (
            np.where(np.isfinite(loss[rows, best]), best, -1),
            np.where(np.isfinite(loss[rows, rival]), rival, -1),
        )

    def forecast(self, days: Array, threshold: Array) -> planning.Forecast:
        """Days from now until the loss of the better of the two leading variants is likely to be small enough."""
        best, rival = self.leaders()
        rows = np.arange(best.size)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_mean, spread = np.log(self.mean), (self.se / self.mean) ** 2
            theta = log_mean[rows, best] - log_mean[rows, rival]
            se = np.sqrt(spread[rows, best] + spread[rows, rival])
        known = (best >= 0) & (rival >= 0) & np.isfinite(theta) & (se > 0) & (days > 0)
        even, sure = np.full(best.size, np.nan), np.full(best.size, np.nan)
        if known.any():
            tau = np.where(np.isnan(self.tau), bayesian.DEFAULT_TAU, self.tau)
            found = planning.forecast(theta[known], se[known], days[known], threshold[known], tau[known])
            even[known], sure[known] = found.even, found.sure
        even[known & np.isnan(even)] = np.inf
        sure[known & np.isnan(sure)] = np.inf
        return planning.Forecast(even, sure)

    def fewest(self) -> Array:
        """Contributors of the variant that has fewest; one that nobody saw has none, not-a-number where none is known."""
        is_known = (np.isfinite(self.contributors) & self.present).any(axis=1)
        fewest = np.where(self.present, np.nan_to_num(self.contributors), np.inf).min(axis=1)
        return np.where(is_known, fewest, np.nan)

    def is_proven(self, best: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the variant is proven better than the control; the control, whether all others are proven worse."""
        better = (self.is_reached & (self.log_ratio > 0))[np.arange(best.size), best]
        return np.asarray(
            np.where(best > 0, better, self._all_others(self.is_reached & (self.log_ratio < 0))), dtype=np.bool_
        )

    def is_inside(self, effect: Array) -> NDArray[np.bool_]:
        """Whether every anytime interval lies inside the smallest effect, alike in both directions on the log scale."""
        inside = (self.low >= (1 / (1 + effect) - 1)[:, None]) & (self.high <= effect[:, None])
        return self._all_others(inside)

    def _all_others(self, holds: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.asarray((holds | ~self.present)[:, 1:].all(axis=1))


def _facts(
    estimates: pl.DataFrame,
    variant_results: pl.DataFrame,
    checks: pl.DataFrame,
    plans: pl.DataFrame,
    guardrails: pl.DataFrame,
    days: int | None,
    metrics: Mapping[str, Metric],
) -> pl.DataFrame:
    """What the rules ask of each experiment on its last day: one row each, in the order of the results."""
    last = variant_results.group_by("experiment_id", maintain_order=True).agg(pl.col("as_of").max())
    tests = last.with_row_index("row").join(plans, on="experiment_id", how="left", maintain_order="left")
    unplanned = tests.filter(pl.col("primary_metric").is_null())["experiment_id"].to_list()
    if unplanned:
        raise ValueError(f"no plan is registered for {', '.join(unplanned)}")
    place = (
        variant_results.select("experiment_id", "variant_id", "is_control")
        .unique(maintain_order=True)
        .sort(~pl.col("is_control"), maintain_order=True)
        .with_columns(column=pl.int_range(pl.len()).over("experiment_id"))
        .join(tests.select("row", "experiment_id"), on="experiment_id")
        .drop("is_control")
    )
    described, compared = (_placed(frame, place, tests) for frame in (variant_results, estimates))
    history = _closed(compared.filter("is_primary"), place, plans)
    today = compared.filter("is_today")
    board = _board(place, tests, described.filter("is_today"), today, history.filter("is_today"))
    leader = place.rename({"column": "best", "variant_id": "best_variant_id"}).drop("experiment_id")
    return _with_findings(
        _numbers(tests, board, days).join(leader, on=["row", "best"], how="left"),
        why=pl.concat(
            frame.filter(pl.col("is_today") & pl.col("is_primary")).select("experiment_id", "reason")
            for frame in (compared, described)
        ),
        history=history,
        checks=checks.join(last, on=_DAY, nulls_equal=True, how="semi"),
        guardrails=_guardrails(today, guardrails, metrics),
        guarded=guardrails["experiment_id"].unique(),
    ).sort("row")


def _placed(frame: pl.DataFrame, place: pl.DataFrame, tests: pl.DataFrame) -> pl.DataFrame:
    """Rows of all exposed readers with their `row` and `column`; whether they are of today, and of the primary metric."""
    placed = frame.filter((pl.col("basis") == "exposed") & (pl.col("segment_kind") == "all")).join(
        place, on=["experiment_id", "variant_id"], maintain_order="left"
    )
    of_test = {name: tests[name].gather(placed["row"]) for name in ("as_of", "primary_metric")}
    return placed.with_columns(
        is_today=placed["as_of"].eq_missing(of_test["as_of"]),
        is_primary=placed["metric"] == of_test["primary_metric"],
    )


def _board(
    place: pl.DataFrame, tests: pl.DataFrame, described: pl.DataFrame, compared: pl.DataFrame, closed: pl.DataFrame
) -> _Board:
    # A single variant has a rival that nobody saw.
    shape = (tests.height, max(int(place["column"].to_numpy().max()) + 1, 2))

    def matrix(frame: pl.DataFrame, name: str) -> Array:
        out = np.full(shape, np.nan)
        values = frame[name].cast(pl.Float64).fill_null(float("nan"))
        out[frame["row"].to_numpy(), frame["column"].to_numpy()] = values.to_numpy()
        return out

    present = np.zeros(shape, dtype=np.bool_)
    present[place["row"].to_numpy(), place["column"].to_numpy()] = True
    gave = matrix(described.filter(pl.col("metric") == "conversion"), "x")
    described, compared = described.filter("is_primary"), compared.filter("is_primary")
    counts_gifts = tests["primary_metric"].is_in(["value", "conversion"]).to_numpy()
    return _Board(
        present=present,
        # What a declared metric counts need not be a gift: then those who have any of it are its contributors.
        contributors=np.where(np.isnan(gave) | ~counts_gifts[:, None], matrix(described, "x"), gave),
        mean=matrix(described, "mean"),
        se=matrix(described, "se"),
        loss=matrix(described, "expected_loss_per_1000"),
        low=matrix(compared.with_columns(guaranteed("low")), "low"),
        high=matrix(compared.with_columns(guaranteed("high")), "high"),
        log_ratio=matrix(compared, "log_ratio"),
        is_reached=np.equal(matrix(closed, "is_reached"), 1),
        is_ended=np.asarray(np.isfinite(matrix(compared, "planned_closed_at")).any(axis=1)),
        tau=np.fmax.reduce(matrix(compared, "tau"), axis=1),
    )


def _numbers(tests: pl.DataFrame, board: _Board, days: int | None) -> pl.DataFrame:
    """The plan of each test with what the board says of its leader; null where it is not known."""
    last_full_day = pl.min_horizontal("as_of", "planned_end")
    dated = tests.with_columns(
        n_days=pl.when(pl.col("as_of").is_not_null() & pl.col("starts").is_not_null())
        .then(((last_full_day - pl.col("starts")).dt.total_days() + 1).clip(0))
        .otherwise(pl.lit(days, dtype=pl.Int64))
    )

    def column(name: str) -> Array:
        return dated[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()

    best, _ = board.leaders()
    share = column("loss_threshold")
    expected = board.forecast(column("n_days"), share)
    found = {
        "fewest": board.fewest(),
        "expected_loss_per_1000": np.where(best >= 0, board.loss[np.arange(best.size), best], np.nan),
        "loss_threshold_per_1000": share * board.mean[:, 0] * 1000,
        "even": expected.even,
        "sure": expected.sure,
    }
    return dated.with_columns(
        *(pl.Series(name, values).fill_nan(None) for name, values in found.items()),
        best=pl.Series(best),
        is_proven=pl.Series(board.is_proven(best)),
        is_ended=pl.Series(board.is_ended),
        is_inside=pl.Series(board.is_inside(column("smallest_effect"))),
    )


def _with_findings(
    tests: pl.DataFrame,
    *,
    why: pl.DataFrame,
    history: pl.DataFrame,
    checks: pl.DataFrame,
    guardrails: pl.DataFrame,
    guarded: pl.Series,
) -> pl.DataFrame:
    """Beside each test: what blocks it, the guardrail that is broken, and what speaks against its leader."""
    leader = ["experiment_id", "best_variant_id"]
    blocked = (
        checks.filter(pl.col("status") == "block")
        .group_by("experiment_id", maintain_order=True)
        .agg(blocked=pl.col("check_name").unique(maintain_order=True))
    )
    turned = checks.filter((pl.col("check_name") == "cap_agreement") & pl.col("status").is_in(["warn", "block"]))
    worst = (
        guardrails.filter(pl.col("beyond") > 0)
        .sort("beyond", descending=True)
        .unique("experiment_id", keep="first", maintain_order=True)
        .select("experiment_id", broken_metric="metric", broken_variant="variant_id")
    )
    unsettled = (
        guardrails.filter(~pl.col("inside"))
        .group_by("experiment_id", best_variant_id="variant_id", maintain_order=True)
        .agg(unsettled=pl.col("metric"))
    )
    proven = (
        history.filter("is_proven")
        .group_by("experiment_id", best_variant_id="variant_id")
        .agg(proven_at=pl.col("as_of").min())
    )
    first_reason = why.filter(pl.col("reason").is_not_null()).unique("experiment_id", keep="first", maintain_order=True)
    # A cap that turns the control's own lift against others is said of the control: any variant's name will do.
    caps = turned.select("experiment_id", best_variant_id="variant_id", turns_by_cap=pl.lit(value=True)).unique()
    control_caps = turned.select("experiment_id", any_turns_by_cap=pl.lit(value=True)).unique()
    for found, on in (
        (blocked, ["experiment_id"]),
        (worst, ["experiment_id"]),
        (unsettled, leader),
        (proven, leader),
        (first_reason, ["experiment_id"]),
        (caps, leader),
        (control_caps, ["experiment_id"]),
    ):
        tests = tests.join(found, on=on, how="left")
    return tests.with_columns(
        pl.col("blocked", "unsettled").fill_null([]),
        is_guarded=pl.col("experiment_id").is_in(guarded.implode()),
        turns_by_cap=pl.when(pl.col("best") == 0)
        .then("any_turns_by_cap")
        .otherwise("turns_by_cap")
        .fill_null(value=False),
    )


def _judged(facts: pl.DataFrame) -> pl.DataFrame:
    """Ask the rules in order: `rule` that decided, `verdict`, its `variant_id` and `basis`, and the answers as `reasons`."""
    answers = facts.with_columns(
        too_few_days=(pl.col("n_days") < pl.col("minimum_days")).fill_null(value=False),
        too_few_contributors=(pl.col("fewest") < pl.col("minimum_contributors")).fill_null(value=False),
        # Nothing but a variant's own harm speaks against it: the control was always there.
        unsettled=pl.when(pl.col("best") > 0).then("unsettled").otherwise(pl.lit([], dtype=pl.List(pl.String))),
        loss_is=pl.when(pl.col("expected_loss_per_1000").is_null() | pl.col("loss_threshold_per_1000").is_null())
        .then(pl.lit("loss_unknown"))
        .when(pl.col("expected_loss_per_1000") > pl.col("loss_threshold_per_1000"))
        .then(pl.lit("loss_above_threshold"))
        .otherwise(pl.lit("loss_below_threshold")),
    )
    answers = answers.with_columns(
        waits=pl.when(pl.col("loss_is") != "loss_below_threshold")
        .then(None)
        .when(pl.col("unsettled").list.len() > 0)
        .then(pl.lit("guardrail_not_settled"))
        .when("turns_by_cap")
        .then(pl.lit("cap_turns_sign")),
        time_left=_time_left(),
    )
    answers = answers.with_columns(rule=_first_that_holds(list(_RULES.values())))
    leads = pl.col("verdict").is_in([str(Verdict.USE_IT), str(Verdict.KEEP_ASKING)])
    return (
        answers.with_columns(
            verdict=pl.col("rule").replace_strict(
                dict(enumerate([*map(str, _RULES), str(Verdict.KEEP_ASKING)], start=1)), return_dtype=pl.String
            ),
            reasons=_reasons(),
        )
        .with_columns(
            variant_id=pl.when(pl.col("verdict") == str(Verdict.STOP_HARM))
            .then("broken_variant")
            .when(leads)
            .then("best_variant_id"),
            basis=pl.when(pl.col("verdict") == str(Verdict.USE_IT)).then(
                pl.when("is_proven").then(pl.lit("proven")).otherwise(pl.lit("best_bet"))
            ),
        )
        .rename({"fewest": "smallest_contributors"})
    )


#: What each rule but the last asks, in their order; the columns are those of `_judged`.
_RULES: dict[Verdict, pl.Expr] = {
    Verdict.FIX_FIRST: pl.col("blocked").list.len() > 0,
    Verdict.STOP_HARM: pl.col("broken_metric").is_not_null(),
    Verdict.TOO_EARLY: pl.col("too_few_days") | pl.col("too_few_contributors"),
    Verdict.USE_IT: (pl.col("loss_is") == "loss_below_threshold") & pl.col("waits").is_null(),
    Verdict.NO_DIFFERENCE: pl.col("smallest_effect").is_not_null() & pl.col("is_inside"),
    Verdict.CANNOT_TELL: pl.col("time_left").is_in(
        ["registered_end_reached", "planned_end_reached", "forecast_beyond_planned_end"]
    ),
}


def _first_that_holds(rules: list[pl.Expr]) -> pl.Expr:
    """Number of the first rule that holds, from 1; one more than there are where none does."""
    held = pl.concat_list([rule.fill_null(value=False) for rule in rules] + [pl.lit(value=True)])
    return held.list.arg_max().cast(pl.Int64) + 1


def _reasons() -> pl.Expr:
    """The answer of every rule that was asked, in order."""

    def said(rule: int, answer: pl.Expr) -> pl.Expr:
        return pl.when(pl.col("rule") >= rule).then(answer)

    def where(holds: pl.Expr, code: str) -> pl.Expr:
        return pl.when(holds).then(pl.lit(code))

    def each(rule: int, codes: str, prefix: str) -> pl.Expr:
        listed = pl.col(codes).list.eval(pl.lit(f"{prefix}:") + pl.element())
        return pl.when(pl.col("rule") >= rule).then(listed).otherwise(pl.lit([], dtype=pl.List(pl.String)))

    is_early = pl.col("too_few_days") | pl.col("too_few_contributors")
    is_below = pl.col("loss_is") == "loss_below_threshold"
    answers = [
        each(1, "blocked", "trust_blocked"),
        said(2, pl.lit("trust_passed")),
        said(2, pl.format("guardrail_broken:{}", "broken_metric")),
        said(3, pl.when("is_guarded").then(pl.lit("guardrails_unharmed")).otherwise(pl.lit("no_guardrails"))),
        said(3, where(pl.col("too_few_days"), "too_few_days")),
        said(3, where(pl.col("too_few_contributors"), "too_few_contributors")),
        said(3, where(~is_early, "enough_data")),
        said(4, pl.col("loss_is")),
        # Only what keeps a small loss from being used is a reason; `rule` is 5 or more only where something does.
        pl.when(is_below)
        .then(each(5, "unsettled", "guardrail_not_settled"))
        .otherwise(pl.lit([], dtype=pl.List(pl.String))),
        said(5, where(is_below & pl.col("turns_by_cap"), "cap_turns_sign")),
        said(
            5,
            pl.when(pl.col("smallest_effect").is_null())
            .then(pl.lit("no_smallest_effect"))
            .when("is_inside")
            .then(pl.lit("inside_smallest_effect"))
            .otherwise(pl.lit("not_inside_smallest_effect")),
        ),
        said(6, pl.col("time_left")),
    ]
    return pl.concat_list(answers).list.drop_nulls()


def _time_left() -> pl.Expr:
    """Whether an answer may still be expected before the registered end."""
    left = (pl.col("planned_end") - pl.col("as_of")).dt.total_days()
    return (
        pl.when(pl.col("as_of").is_null())
        .then(pl.lit("no_dates"))
        .when("is_ended")
        .then(pl.lit("registered_end_reached"))
        .when(pl.col("planned_end").is_null())
        .then(pl.lit("no_planned_end"))
        .when(left <= 0)
        .then(pl.lit("planned_end_reached"))
        .when(pl.col("even").is_null() | (pl.col("loss_is") == "loss_below_threshold"))
        .then(pl.lit("no_forecast"))
        .when(pl.col("even") > left)
        .then(pl.lit("forecast_beyond_planned_end"))
        .otherwise(pl.lit("forecast_within_plan"))
    )


def _with_forecast(judged: pl.DataFrame) -> pl.DataFrame:
    """Beside each verdict that waits: the days of even and of good odds, or why there are none."""
    days, fewest = pl.col("n_days"), pl.col("smallest_contributors")
    # Rule 3 comes before any answer: the test must be old and large enough.
    enough = pl.when((fewest > 0) & (days > 0)).then(pl.col("minimum_contributors") * days / fewest - days)
    soonest = pl.when(days.is_null()).then(0.0).otherwise(pl.max_horizontal(pl.col("minimum_days") - days, enough, 0.0))

    def after(odds: str) -> pl.Expr:
        wait = pl.when(pl.col(odds) <= planning.LONGEST_FORECAST_DAYS).then(pl.max_horizontal(odds, soonest))
        known = pl.when(wait <= planning.LONGEST_FORECAST_DAYS).then(wait)
        return pl.col("as_of") + pl.duration(days=known.ceil().cast(pl.Int64))

    waiting = [str(verdict) for verdict in (Verdict.KEEP_ASKING, Verdict.TOO_EARLY, Verdict.CANNOT_TELL)]
    why = (
        pl.when(~pl.col("verdict").is_in(waiting))
        .then(pl.lit("not_needed"))
        .when(pl.col("as_of").is_null())
        .then(pl.lit("no_dates"))
        .when((pl.col("verdict") != str(Verdict.TOO_EARLY)) & pl.col("waits").is_not_null())
        .then("waits")
        .when(pl.col("even").is_null())
        .then(pl.coalesce("reason", pl.lit("loss_unknown")))
        .when(pl.col("forecast_even").is_null())
        .then(pl.lit("beyond_ten_years"))
    )
    return (
        judged.with_columns(forecast_even=after("even"), forecast_sure=after("sure"))
        .with_columns(forecast_reason=why)
        .with_columns(pl.when(pl.col("forecast_reason").is_null()).then(pl.col("forecast_even", "forecast_sure")))
    )


def _closed(compared: pl.DataFrame, place: pl.DataFrame, plans: pl.DataFrame) -> pl.DataFrame:
    """Whether a difference of each variant is proven on each day, and whether that is for the better.

    By the closed e-value; with a registered end by its bounds, as long as the lift keeps the sign that it had there.
    """
    cells = compared.select("row", "as_of").unique(maintain_order=True).with_row_index("cell")
    placed = compared.join(cells, on=["row", "as_of"], nulls_equal=True)
    board = np.full((cells.height, int(place["column"].to_numpy().max()) + 1), np.nan)
    at = (placed["cell"].to_numpy(), placed["column"].to_numpy())
    board[at] = placed["log_e"].fill_null(float("nan")).to_numpy()
    bound = plans.select("experiment_id", bound=-pl.col("alpha").log())
    return (
        # An absent e-value must be null here: Polars takes not-a-number for the largest of all numbers.
        placed.with_columns(log_closed=pl.Series(log_closed_e(board)[at]).fill_nan(None))
        .join(bound, on="experiment_id")
        .with_columns(
            is_reached=pl.when(pl.col("planned_sign").is_not_null())
            .then(pl.col("planned_sign") * pl.col("log_ratio") > 0)
            .otherwise(pl.col("log_closed") >= pl.col("bound"))
        )
        .select(
            *_DAY,
            "variant_id",
            "row",
            "column",
            "is_today",
            "is_reached",
            is_proven=pl.col("is_reached") & (pl.col("log_ratio") > 0),
        )
    )


def _guardrails(today: pl.DataFrame, guardrails: pl.DataFrame, metrics: Mapping[str, Metric]) -> pl.DataFrame:
    """Every guardrail of every variant: how far its interval lies `beyond` the margin, and whether it is `inside`.

    Where more is worse, the interval is read with its sign turned. An open or absent limit settles nothing. A variant
    without an estimate of a registered guardrail counts as unsettled.
    """
    less = [name for name, metric in metrics.items() if metric.direction == "less_is_better"]
    turned = pl.col("metric").is_in(less)
    variants = today.select("row", "column", "experiment_id", "variant_id").unique(
        ["row", "column"], maintain_order=True
    )
    return (
        variants.join(guardrails, on="experiment_id")
        .join(
            today.filter(pl.col("metric").is_in(guardrails["metric"].unique().implode())).select(
                "row", "column", "metric", "anytime_low", "anytime_high"
            ),
            on=["row", "column", "metric"],
            how="left",
        )
        .with_columns(
            low=pl.when(turned).then(-pl.col("anytime_high")).otherwise(pl.col("anytime_low")),
            high=pl.when(turned).then(-pl.col("anytime_low")).otherwise(pl.col("anytime_high")),
        )
        .with_columns(
            beyond=(-pl.col("margin") - pl.col("high")).fill_null(-1.0),
            inside=(pl.col("low") > -pl.col("margin")).fill_null(value=False),
        )
    )

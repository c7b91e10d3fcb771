"""One verdict an experiment: the registered rule, asked in order, with every answer on record.

Evidence and decision are kept apart: `proven` comes from e-values that hold however often one looks, `use_it` from the
expected loss in money. Nothing is estimated here except when an answer may be expected.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
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
    board = _Board.of(estimates, variant_results, checks, plans, guardrails, days, metrics)
    rows = board.rows()
    # By columns: from dictionaries Polars reads each value of each row by its name.
    return pl.DataFrame({name: [row[name] for row in rows] for name in DECISIONS.schema}, schema=DECISIONS.schema)


@dataclass(frozen=True)
class _Board:
    """What the rules ask of each experiment; matrices have one column a variant, the control in column 0."""

    experiment: list[str]
    as_of: list[date | None]
    plan: list[dict[str, object]]
    variants: list[list[str]]
    blocked: list[list[str]]
    broken: list[tuple[str, str] | None]
    unsettled: list[dict[str, str]]
    turned_by_cap: list[frozenset[str]]
    guarded: frozenset[str]
    reason: list[str | None]
    proven_at: dict[tuple[str, str], date]
    days: list[int | None]
    fewest: list[int | None]
    mean: Array
    se: Array
    loss: Array
    low: Array
    high: Array
    log_ratio: Array
    reached: Array
    tau: Array
    closed: list[bool]

    @classmethod
    def of(
        cls,
        estimates: pl.DataFrame,
        variant_results: pl.DataFrame,
        checks: pl.DataFrame,
        plans: pl.DataFrame,
        guardrails: pl.DataFrame,
        days: int | None,
        metrics: Mapping[str, Metric],
    ) -> _Board:
        last = variant_results.group_by("experiment_id", maintain_order=True).agg(pl.col("as_of").max())
        index = last.select("experiment_id").with_row_index("row")
        plan = {str(row["experiment_id"]): row for row in plans.iter_rows(named=True)}
        experiments = [str(name) for name in last["experiment_id"]]
        unplanned = [name for name in experiments if name not in plan]
        if unplanned:
            raise ValueError(f"no plan is registered for {', '.join(unplanned)}")
        columns = (
            variant_results.select("experiment_id", "variant_id", "is_control")
            .unique(maintain_order=True)
            .sort(~pl.col("is_control"), maintain_order=True)
            .with_columns(column=pl.int_range(pl.len()).over("experiment_id"))
            .join(index, on="experiment_id")
        )
        shape = (last.height, int(columns["column"].max()) + 1)  # pyright: ignore[reportArgumentType, reportOperatorIssue]
        place = columns.select("experiment_id", "variant_id", "row", "column")
        primary = plans.select("experiment_id", "primary_metric")

        def main(frame: pl.DataFrame) -> pl.DataFrame:
            return frame.filter((pl.col("basis") == "exposed") & (pl.col("segment_kind") == "all"))

        def of_primary(frame: pl.DataFrame) -> pl.DataFrame:
            return frame.join(primary, on="experiment_id").filter(pl.col("metric") == pl.col("primary_metric"))

        def matrix(frame: pl.DataFrame, name: str) -> Array:
            placed = frame.select("experiment_id", "variant_id", pl.col(name).cast(pl.Float64)).join(
                place, on=["experiment_id", "variant_id"]
            )
            out = np.full(shape, np.nan)
            out[placed["row"].to_numpy(), placed["column"].to_numpy()] = placed[name].fill_null(float("nan")).to_numpy()
            return out

        results = main(variant_results.join(last, on=_DAY, nulls_equal=True, how="semi"))
        described = of_primary(results)
        today = main(estimates.join(last, on=_DAY, nulls_equal=True, how="semi"))
        compared = of_primary(today)
        gave = matrix(results.filter(pl.col("metric") == "conversion"), "x")
        counted = [plan[name]["primary_metric"] in ("value", "conversion") for name in experiments]
        # What a declared metric counts need not be a gift: then those who have any of it are its contributors.
        contributors = np.where(np.isnan(gave) | ~np.array(counted)[:, None], matrix(described, "x"), gave)
        history = _closed(of_primary(main(estimates)), place, plans, shape[1])
        proven = history.filter("is_proven").group_by("experiment_id", "variant_id").agg(pl.col("as_of").min())
        harm, open_guardrails = _guardrails(today, guardrails, metrics)
        todays_checks = checks.join(last, on=_DAY, nulls_equal=True, how="semi")
        blocked = _lists(todays_checks.filter(pl.col("status") == "block"), "check_name")
        turned = _lists(
            todays_checks.filter(
                (pl.col("check_name") == "cap_agreement")
                & (pl.col("status") != "pass")
                & (pl.col("status") != "not_applicable")
            ),
            "variant_id",
        )
        why = dict(
            pl.concat([compared.select("experiment_id", "reason"), described.select("experiment_id", "reason")])
            .filter(pl.col("reason").is_not_null())
            .unique("experiment_id", keep="first", maintain_order=True)
            .iter_rows()
        )
        as_of: list[date | None] = last["as_of"].to_list()
        variants: list[list[str]] = (
            columns.group_by("row", maintain_order=True).agg("variant_id").sort("row")["variant_id"].to_list()
        )
        ended = set(compared.filter(pl.col("planned_closed_at").is_not_null())["experiment_id"])
        closed_today = history.join(last, on=_DAY, nulls_equal=True, how="semi")
        return cls(
            experiment=experiments,
            as_of=as_of,
            plan=[plan[name] for name in experiments],
            variants=variants,
            blocked=[list(dict.fromkeys(blocked.get(name, []))) for name in experiments],
            broken=[harm.get(name) for name in experiments],
            unsettled=[open_guardrails.get(name, {}) for name in experiments],
            turned_by_cap=[frozenset(turned.get(name, [])) for name in experiments],
            guarded=frozenset(guardrails["experiment_id"].to_list()),
            reason=[why.get(name) for name in experiments],
            proven_at={(e, v): d for e, v, d in proven.iter_rows() if d is not None},
            days=[_full_days(plan[name], day, days) for name, day in zip(experiments, as_of, strict=True)],
            fewest=_fewest(contributors, [len(names) for names in variants]),
            mean=matrix(described, "mean"),
            se=matrix(described, "se"),
            loss=matrix(described, "expected_loss_per_1000"),
            low=matrix(compared.with_columns(guaranteed("low")), "low"),
            high=matrix(compared.with_columns(guaranteed("high")), "high"),
            log_ratio=matrix(compared, "log_ratio"),
            reached=matrix(closed_today, "is_reached"),
            tau=np.fmax.reduce(matrix(compared, "tau"), axis=1),
            closed=[name in ended for name in experiments],
        )

    def rows(self) -> list[dict[str, object]]:
        """One row of the table per experiment."""
        best, rival = self._leaders()
        expected = self._forecast(best, rival)
        # Python's own numbers: reading an array's elements one by one costs more than all the rules.
        forecasts = zip(best.tolist(), expected.even.tolist(), expected.sure.tolist(), strict=True)
        return [self._row(i, *forecast) for i, forecast in enumerate(forecasts)]

    def _leaders(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Columns of the smallest and the second smallest expected loss; -1 where it is not known."""
        loss = np.where(np.isnan(self.loss), np.inf, self.loss)
        order = np.argsort(loss, axis=1, kind="stable")
        rows = np.arange(loss.shape[0])
        best, rival = order[:, 0], order[:, 1]
        return (
            np.where(np.isfinite(loss[rows, best]), best, -1),
            np.where(np.isfinite(loss[rows, rival]), rival, -1),
        )

    def _forecast(self, best: NDArray[np.int64], rival: NDArray[np.int64]) -> planning.Forecast:
        """Days from now until the loss of the better of the two leading variants is likely to be small enough."""
        rows = np.arange(best.size)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_mean, spread = np.log(self.mean), (self.se / self.mean) ** 2
            theta = log_mean[rows, best] - log_mean[rows, rival]
            se = np.sqrt(spread[rows, best] + spread[rows, rival])
        days = np.array([value or np.nan for value in self.days], dtype=np.float64)
        known = (best >= 0) & (rival >= 0) & np.isfinite(theta) & (se > 0) & np.isfinite(days)
        even, sure = np.full(best.size, np.nan), np.full(best.size, np.nan)
        if known.any():
            threshold = np.array([float(str(plan["loss_threshold"])) for plan in self.plan])
            tau = np.where(np.isnan(self.tau), bayesian.DEFAULT_TAU, self.tau)
            found = planning.forecast(theta[known], se[known], days[known], threshold[known], tau[known])
            even[known], sure[known] = found.even, found.sure
        even[known & np.isnan(even)] = np.inf
        sure[known & np.isnan(sure)] = np.inf
        return planning.Forecast(even, sure)

    def _row(self, i: int, best: int, even: float, sure: float) -> dict[str, object]:
        plan, names = self.plan[i], self.variants[i]
        as_of, days = self.as_of[i], self.days[i]
        fewest = self.fewest[i]
        threshold = _number(plan["loss_threshold"]) * float(self.mean[i, 0]) * 1000
        loss = float(self.loss[i, best]) if best >= 0 else float("nan")
        reasons: list[str] = []
        verdict, spoken, basis = self._judge(i, best, loss, threshold, fewest, even, reasons)
        waits = next((code for code in reasons if code.startswith(("guardrail_not_settled", "cap_turns_sign"))), None)
        forecasts = verdict in (Verdict.KEEP_ASKING, Verdict.TOO_EARLY, Verdict.CANNOT_TELL)
        soonest = self._soonest(i, fewest)
        even_at, sure_at = (_after(as_of, max(value, soonest)) for value in (even, sure))
        why: str | None = None
        if not forecasts:
            why = "not_needed"
        elif as_of is None:
            why = "no_dates"
        elif waits is not None:
            why = waits.partition(":")[0]
        elif math.isnan(even):
            why = self.reason[i] or "loss_unknown"
        elif even_at is None:
            why = "beyond_ten_years"
        return {
            "experiment_id": self.experiment[i],
            "as_of": as_of,
            "verdict": str(verdict),
            "variant_id": spoken,
            "basis": basis,
            "reasons": reasons,
            "primary_metric": plan["primary_metric"],
            "n_days": days,
            "smallest_contributors": fewest,
            "best_variant_id": names[best] if best >= 0 else None,
            "expected_loss_per_1000": _known(loss),
            "loss_threshold_per_1000": _known(threshold),
            "proven_at": self.proven_at.get((self.experiment[i], names[best])) if best >= 0 else None,
            "forecast_even": None if why else even_at,
            "forecast_sure": None if why else sure_at,
            "forecast_reason": why,
        }

    def _soonest(self, i: int, fewest: int | None) -> float:
        """Days until the test is old and large enough for rule 3."""
        plan, days = self.plan[i], self.days[i]
        if days is None:
            return 0.0
        wait = float(_number(plan["minimum_days"]) - days)
        if fewest and days:
            wait = max(wait, _number(plan["minimum_contributors"]) * days / fewest - days)
        return max(wait, 0.0)

    def _judge(
        self, i: int, best: int, loss: float, threshold: float, fewest: int | None, even: float, reasons: list[str]
    ) -> tuple[Verdict, str | None, str | None]:
        """Ask the rules in order; return verdict, variant and basis, and leave the answers in `reasons`."""
        plan, names, days = self.plan[i], self.variants[i], self.days[i]
        if self.blocked[i]:
            reasons += [f"trust_blocked:{check}" for check in self.blocked[i]]
            return Verdict.FIX_FIRST, None, None
        reasons.append("trust_passed")
        broken = self.broken[i]
        if broken is not None:
            reasons.append(f"guardrail_broken:{broken[1]}")
            return Verdict.STOP_HARM, broken[0], None
        reasons.append("guardrails_unharmed" if self.experiment[i] in self.guarded else "no_guardrails")
        early = []
        if days is not None and days < _number(plan["minimum_days"]):
            early.append("too_few_days")
        if fewest is not None and fewest < _number(plan["minimum_contributors"]):
            early.append("too_few_contributors")
        if early:
            reasons += early
            return Verdict.TOO_EARLY, None, None
        reasons.append("enough_data")
        if best < 0:
            reasons.append("loss_unknown")
        elif loss > threshold:
            reasons.append("loss_above_threshold")
        else:
            reasons.append("loss_below_threshold")
            vetoes = self._vetoes(i, best)
            if not vetoes:
                return Verdict.USE_IT, names[best], "proven" if self._is_proven(i, best) else "best_bet"
            reasons += vetoes
        effect = plan["smallest_effect"]
        if effect is None:
            reasons.append("no_smallest_effect")
        elif self._is_inside(i, _number(effect)):
            reasons.append("inside_smallest_effect")
            return Verdict.NO_DIFFERENCE, None, None
        else:
            reasons.append("not_inside_smallest_effect")
        return self._time_left(i, best, even, reasons)

    def _vetoes(self, i: int, best: int) -> list[str]:
        """Why a variant with a small expected loss is not used all the same."""
        names = self.variants[i]
        if best == 0:
            return ["cap_turns_sign"] if self.turned_by_cap[i] else []
        vetoes = [
            f"guardrail_not_settled:{metric}" for metric in self.unsettled[i].get(names[best], "").split() if metric
        ]
        return vetoes + (["cap_turns_sign"] if names[best] in self.turned_by_cap[i] else [])

    def _is_proven(self, i: int, best: int) -> bool:
        """Whether the variant is proven better than the control; the control, whether all others are proven worse."""
        reached = self.reached[i] == 1
        others = np.arange(1, len(self.variants[i]))
        if best:
            return bool(reached[best] and self.log_ratio[i, best] > 0)
        return bool((reached[others] & (self.log_ratio[i, others] < 0)).all())

    def _is_inside(self, i: int, effect: float) -> bool:
        """Whether every anytime interval lies inside the smallest effect, alike in both directions on the log scale."""
        others = np.arange(1, len(self.variants[i]))
        return bool(((self.low[i, others] >= 1 / (1 + effect) - 1) & (self.high[i, others] <= effect)).all())

    def _time_left(self, i: int, best: int, even: float, reasons: list[str]) -> tuple[Verdict, str | None, str | None]:
        as_of, end = self.as_of[i], self.plan[i]["planned_end"]
        leader = self.variants[i][best] if best >= 0 else None
        if as_of is None:
            reasons.append("no_dates")
            return Verdict.KEEP_ASKING, leader, None
        if self.closed[i]:
            reasons.append("registered_end_reached")
            return Verdict.CANNOT_TELL, None, None
        if not isinstance(end, date):
            reasons.append("no_planned_end")
            return Verdict.KEEP_ASKING, leader, None
        if as_of >= end:
            reasons.append("planned_end_reached")
            return Verdict.CANNOT_TELL, None, None
        if math.isnan(even) or "loss_below_threshold" in reasons:
            reasons.append("no_forecast")
            return Verdict.KEEP_ASKING, leader, None
        if even > (end - as_of).days:
            reasons.append("forecast_beyond_planned_end")
            return Verdict.CANNOT_TELL, None, None
        reasons.append("forecast_within_plan")
        return Verdict.KEEP_ASKING, leader, None


def _fewest(contributors: Array, widths: list[int]) -> list[int | None]:
    """Contributors of the variant that has fewest, by row; a variant that nobody saw has none, None where none is known."""
    is_variant = np.arange(contributors.shape[1]) < np.array(widths)[:, None]
    is_known = (np.isfinite(contributors) & is_variant).any(axis=1)
    fewest = np.where(is_variant, np.nan_to_num(contributors), np.inf).min(axis=1)
    return [int(count) if known else None for count, known in zip(fewest.tolist(), is_known.tolist(), strict=True)]


def _full_days(plan: dict[str, object], as_of: date | None, days: int | None) -> int | None:
    """Full days of the test up to as_of, its planned end at most."""
    starts, end = plan["starts"], plan["planned_end"]
    if as_of is None or not isinstance(starts, date):
        return days
    last = min(as_of, end) if isinstance(end, date) else as_of
    return max((last - starts).days + 1, 0)


def _after(as_of: date | None, days: float) -> date | None:
    """The day so many days after as_of; None where there is none within ten years."""
    if as_of is None or not math.isfinite(days) or days > planning.LONGEST_FORECAST_DAYS:
        return None
    return as_of + timedelta(days=math.ceil(days))


def _number(value: object) -> float:
    if not isinstance(value, int | float):
        raise ValueError(f"a plan holds {value!r} where a number is needed")
    return float(value)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _lists(frame: pl.DataFrame, name: str) -> dict[str, list[str]]:
    """Values of a column by experiment, in order."""
    grouped = frame.group_by("experiment_id", maintain_order=True).agg(name)
    return {str(experiment): list(values) for experiment, values in grouped.iter_rows()}


def _closed(compared: pl.DataFrame, place: pl.DataFrame, plans: pl.DataFrame, width: int) -> pl.DataFrame:
    """Whether a difference of each variant is proven on each day, and whether that is for the better.

    By the closed e-value; with a registered end by its bounds, as long as the lift keeps the sign that it had there.
    """
    rows = compared.select(*_DAY, "variant_id", "log_e", "log_ratio", "planned_sign").join(
        place, on=["experiment_id", "variant_id"]
    )
    cells = rows.select(_DAY).unique(maintain_order=True).with_row_index("cell")
    placed = rows.join(cells, on=_DAY, nulls_equal=True)
    board = np.full((cells.height, width), np.nan)
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
        .select(*_DAY, "variant_id", "is_reached", is_proven=pl.col("is_reached") & (pl.col("log_ratio") > 0))
    )


def _guardrails(
    today: pl.DataFrame, guardrails: pl.DataFrame, metrics: Mapping[str, Metric]
) -> tuple[dict[str, tuple[str, str]], dict[str, dict[str, str]]]:
    """Broken guardrails (variant and metric, the worst one) and those not yet inside their margin, by experiment.

    Where more is worse, the interval is read with its sign turned. An open or absent limit settles nothing. A variant
    without an estimate of a registered guardrail counts as unsettled.
    """
    if guardrails.is_empty():
        return {}, {}
    less = [name for name, metric in metrics.items() if metric.direction == "less_is_better"]
    turned = pl.col("metric").is_in(less)
    pairs = today.select("experiment_id", "variant_id").unique(maintain_order=True).join(guardrails, on="experiment_id")
    rows = (
        pairs.join(
            today.select("experiment_id", "variant_id", "metric", "anytime_low", "anytime_high"),
            on=["experiment_id", "variant_id", "metric"],
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
    worst = (
        rows.filter(pl.col("beyond") > 0)
        .sort("beyond", descending=True)
        .unique("experiment_id", keep="first", maintain_order=True)
    )
    broken = {str(e): (str(v), str(m)) for e, v, m in worst.select("experiment_id", "variant_id", "metric").iter_rows()}
    unsettled: dict[str, dict[str, str]] = {}
    for e, v, m in rows.filter(~pl.col("inside")).select("experiment_id", "variant_id", "metric").iter_rows():
        known = unsettled.setdefault(str(e), {})
        known[v] = f"{known.get(v, '')} {m}".strip()
    return broken, unsettled

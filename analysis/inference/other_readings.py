"""The same comparison by other methods, by name, and with the corrections for many comparisons: beside the reading that decides.

`METHODS` is the table of methods; each takes the sums of all comparisons at once. None of them decides: what decides is
`estimates.estimate` and docs/methods says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis.inference import means, proportions
from analysis.inference.arrays import Array
from analysis.inference.layout import FEWEST_CONTRIBUTORS, column, floats
from analysis.inference.multiplicity import benjamini_hochberg, e_bh_rejects, holm, step_down_dunnett_p
from analysis.inference.results import DifferenceEstimate, Interval, LiftEstimate, NotEstimable, Reason
from analysis.metrics import METRICS, Kind, Metric
from analysis.result_tables import OTHER_READINGS

_DAY = ["experiment_id", "as_of"]


@dataclass(frozen=True)
class Sides:
    """Sums of control and variant, one element a comparison, and the planned share of the variant among the two."""

    na: Array
    xa: Array
    s1a: Array
    s2a: Array
    nb: Array
    xb: Array
    s1b: Array
    s2b: Array
    rho: Array

    @property
    def counts(self) -> tuple[Array, Array, Array, Array]:
        """xa, na, xb, nb: what methods for rates take."""
        return self.xa, self.na, self.xb, self.nb

    @property
    def sums(self) -> tuple[Array, Array, Array, Array, Array, Array]:
        """na, s1a, s2a, nb, s1b, s2b: what methods for means take."""
        return self.na, self.s1a, self.s2a, self.nb, self.s1b, self.s2b


Limits = tuple[Array, Array, Array]


@dataclass(frozen=True)
class Method:
    """One way to read a comparison on one registered day.

    Attributes:
        kinds: Kinds of metric that it is for.
        is_difference: Whether it speaks of the difference of means; else of their ratio less 1.
        read: From sums and alpha to limits (of the ratio, or of the difference per reader) and the two-sided p; what it does
            not give is not a number.
        source: Where it comes from.
    """

    kinds: tuple[Kind, ...]
    is_difference: bool
    read: Callable[[Sides, Array], Limits]
    source: str


def _no_p(limits: tuple[Array, Array]) -> Limits:
    return *limits, np.full_like(limits[0], np.nan)


def _mid_p(sides: Sides, alpha: Array) -> Limits:
    del alpha
    nothing = np.full_like(sides.xa, np.nan)
    return nothing, nothing, proportions.conditional_p(sides.xa, sides.xb, sides.rho)[2]


def _score_ratio(sides: Sides, alpha: Array) -> Limits:
    return *proportions.score_ratio(*sides.counts, alpha), proportions.score_p(*sides.counts)


def _log_t(sides: Sides, alpha: Array) -> Limits:
    found = means.mean_ratio(*sides.sums)
    low, high = found.interval(alpha)
    return np.exp(low), np.exp(high), found.p()


def _welch(sides: Sides, alpha: Array) -> Limits:
    found = means.welch(*sides.sums, alpha)
    return found.low, found.high, found.p


_COUNTS: tuple[Kind, ...] = ("binary",)
_MEANS: tuple[Kind, ...] = ("money", "count")

#: Every method by its name, in the order in which they are shown.
METHODS: Mapping[str, Method] = {
    "score_ratio": Method(_COUNTS, False, _score_ratio, "Miettinen & Nurminen 1985"),
    "wilson_ratio": Method(
        _COUNTS,
        False,
        lambda s, alpha: _no_p(proportions.conditional_wilson(s.xa, s.xb, s.rho, alpha)),
        "Wilson 1927, on the share of conversions",
    ),
    "exact_conditional": Method(
        _COUNTS,
        False,
        lambda s, alpha: _no_p(proportions.conditional_exact(s.xa, s.xb, s.rho, alpha)),
        "Clopper & Pearson 1934",
    ),
    "mid_p": Method(_COUNTS, False, _mid_p, "Lancaster 1961"),
    "newcombe": Method(
        _COUNTS, True, lambda s, alpha: _no_p(proportions.newcombe_difference(*s.counts, alpha)), "Newcombe 1998"
    ),
    "score_difference": Method(
        _COUNTS,
        True,
        lambda s, alpha: _no_p(proportions.score_difference(*s.counts, alpha)),
        "Miettinen & Nurminen 1985",
    ),
    "log_t": Method(_MEANS, False, _log_t, "Kish 1965; Welch 1947"),
    "fieller": Method(_MEANS, False, lambda s, alpha: _no_p(means.fieller(*s.sums, alpha)), "Fieller 1954"),
    "welch": Method(_MEANS, True, _welch, "Welch 1947"),
}

#: Corrections for several variants of one test, and for several metrics of one variant, by name.
CORRECTIONS: Mapping[str, str] = {
    "dunnett": "Dunnett & Tamhane 1991, step-down",
    "holm": "Holm 1979",
    "benjamini_hochberg": "Benjamini & Hochberg 1995",
    "e_bh": "Wang & Ramdas 2022",
}


def read(
    name: str, control: Sides, *, kind: Kind | None = None, level: float = 0.95
) -> LiftEstimate | DifferenceEstimate | NotEstimable:
    """Read one comparison by a method of `METHODS`: for a notebook.

    Args:
        control: Sums of both sides, arrays of one element (`sides_of`).
        kind: Kind of the metric; the method's first where none is given.

    Raises:
        KeyError: no such method.
        ValueError: level is not between 0 and 1.
    """
    method = METHODS[name]
    if not 0 < level < 1:
        raise ValueError(f"level = {level} must lie between 0 and 1")
    (reason,) = _reasons(control, np.array([(kind or method.kinds[0]) == "money"]))
    if reason:
        return NotEstimable(Reason(reason))
    low, high, p = (float(side[0]) for side in method.read(control, np.array([1 - level])))
    shift = 0.0 if method.is_difference else 1.0
    limits = [side - shift if np.isfinite(side) else None for side in (low, high)]
    interval = Interval(limits[0], limits[1], level, "fixed")
    known_p = p if np.isfinite(p) else None
    mean_a, mean_b = float(control.s1a[0] / control.na[0]), float(control.s1b[0] / control.nb[0])
    if method.is_difference:
        return DifferenceEstimate(mean_b - mean_a, interval, name, known_p)
    theta = float(np.log(mean_b / mean_a)) if mean_a > 0 and mean_b > 0 else None
    return LiftEstimate(theta, None, interval, name, p=known_p)


def other_readings(
    statistics: pl.DataFrame,
    estimates: pl.DataFrame,
    plans: pl.DataFrame,
    shares: pl.DataFrame,
    *,
    metrics: Mapping[str, Metric] = METRICS,
) -> pl.DataFrame:
    """Read the primary metric of every comparison by every method that fits it, and apply the corrections.

    Rows: for the primary metric each of `METHODS` (one look, one comparison) and, with several variants, `dunnett` and
    `holm` (one look, all variants together); for all other metrics of a variant that carry no guardrail `benjamini_hochberg` (one
    look) and `e_bh` (any look), together over metrics and variants of the test.

    Args:
        statistics, estimates, plans, shares: As of `estimates.estimate`; the last day of each experiment is read.

    Returns:
        Schema `OTHER_READINGS`.
    """
    whole = (pl.col("segment_kind") == "all") & (pl.col("basis") == "exposed")
    today = estimates.filter(whole).filter(
        pl.col("as_of").is_null() | (pl.col("as_of") == pl.col("as_of").max().over("experiment_id"))
    )
    today = today.join(plans.select("experiment_id", "primary_metric", level="alpha"), on="experiment_id")
    decides = today.filter(pl.col("metric") == pl.col("primary_metric")).with_row_index("row")
    if decides.is_empty():
        return OTHER_READINGS.frame()
    sides, several = _sides(decides, statistics.filter(whole), shares, metrics)
    kinds = np.array([metrics[name].kind for name in decides["metric"]])
    frames = [_by_method(name, method, decides, sides, several, kinds) for name, method in METHODS.items()]
    frames += [_corrected(decides, "dunnett"), _corrected(decides, "holm"), *_exploratory(today, metrics)]
    return (
        pl.concat(frames, how="diagonal_relaxed")
        .sort(*_DAY, maintain_order=True)
        .select(pl.col(name).cast(dtype) for name, dtype in OTHER_READINGS.schema.items())
    )


def _sides(
    rows: pl.DataFrame, statistics: pl.DataFrame, shares: pl.DataFrame, metrics: Mapping[str, Metric]
) -> tuple[Sides, NDArray[np.bool_]]:
    """Sums over epochs of both sides of each row, and whether there is more than one epoch."""
    keys = [*_DAY, "metric", "variant_id"]
    binary = [name for name, metric in metrics.items() if metric.kind == "binary"]
    ones = pl.col("metric").is_in(binary)
    sums = statistics.group_by(keys).agg(
        pl.col("n", "x").sum(),
        *(pl.when(ones).then(pl.col("x")).otherwise(pl.col(name)).sum().alias(name) for name in ("s1", "s2")),
        has_spread=(pl.col("s2").is_not_null() | ones).all(),
        epochs=pl.col("epoch").n_unique(),
    )
    sums = sums.with_columns(s2=pl.when("has_spread").then("s2"))
    planned = shares.filter(pl.col("epoch") == 0).select("experiment_id", "variant_id", "share")
    both = rows.select("row", *keys, "control_id")
    for side, name in (("a", "control_id"), ("b", "variant_id")):
        both = both.join(
            sums.rename({"variant_id": name, **{one: f"{one}_{side}" for one in ("n", "x", "s1", "s2", "epochs")}}).drop("has_spread"),
            on=[*_DAY, "metric", name], nulls_equal=True, how="left", maintain_order="left",
        ).join(
            planned.rename({"variant_id": name, "share": f"share_{side}"}),
            on=["experiment_id", name], how="left", maintain_order="left",
        )  # fmt: skip
    columns = {name: floats(both, name) for name in both.columns if name[-2:] in ("_a", "_b") and name != "control_id"}
    rho = columns["share_b"] / (columns["share_a"] + columns["share_b"])
    sides = Sides(*(columns[f"{name}_{side}"] for side in "ab" for name in ("n", "x", "s1", "s2")), rho=rho)
    return sides, np.fmax(columns["epochs_a"], columns["epochs_b"]) > 1


def _reasons(sides: Sides, money: NDArray[np.bool_]) -> NDArray[np.str_]:
    few = np.fmin(sides.xa, sides.xb) < FEWEST_CONTRIBUTORS
    with np.errstate(invalid="ignore"):
        cases = (
            (~((sides.na > 0) & (sides.nb > 0)), Reason.NO_EXPOSURE),
            (sides.xa + sides.xb == 0, Reason.NO_CONVERSIONS_YET),
            (np.isnan(sides.s2a + sides.s2b), Reason.NO_SPREAD),
            ((sides.s1a < 0) | (sides.s1b < 0), Reason.NEGATIVE_MEAN),
            (money & few, Reason.TOO_FEW_GIFTS),
        )
    return np.select([case for case, _ in cases], [str(reason) for _, reason in cases], default="")


def _by_method(
    name: str, method: Method, rows: pl.DataFrame, sides: Sides, several: NDArray[np.bool_], kinds: NDArray[np.str_]
) -> pl.DataFrame:
    chosen = np.flatnonzero(np.isin(kinds, method.kinds))
    part = Sides(*(getattr(sides, key)[chosen] for key in Sides.__dataclass_fields__))
    reason = _reasons(part, kinds[chosen] == "money")
    reason = np.where((reason == "") & several[chosen], str(Reason.SEVERAL_EPOCHS), reason)
    known = reason == ""
    frame = rows[chosen].select(*_DAY, "metric", "variant_id", "control_id", "level")
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        low, high, p = method.read(part, floats(frame, "level"))
        mean_a, mean_b = part.s1a / part.na, part.s1b / part.nb
        if method.is_difference:
            estimate, low, high = (1000 * value for value in (mean_b - mean_a, low, high))
        else:
            estimate, low, high = mean_b / mean_a - 1, low - 1, high - 1
            low = np.where(low <= -1, np.nan, low)
    null = 0.0
    outside = (low > null) | (high < null)
    different = np.where(np.isfinite(p), p < floats(frame, "level"), outside)
    return frame.with_columns(
        column("estimate", np.where(known, estimate, np.nan)),
        column("low", np.where(known, low, np.nan)),
        column("high", np.where(known, high, np.nan)),
        column("p", np.where(known, p, np.nan)),
        pl.Series("is_different", different).set(pl.Series(~known), None),
        pl.Series("reason", [text or None for text in reason.tolist()], dtype=pl.String),
        method=pl.lit(name),
        scale=pl.lit("difference_per_1000" if method.is_difference else "lift"),
        holds_for=pl.lit("one_comparison"),
        looks=pl.lit("one"),
    )


def _board(rows: pl.DataFrame, name: str) -> tuple[Array, tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """A column as a matrix with one row a test and day, and where each value of the frame stands in it."""
    cell = rows.select(pl.struct(_DAY).rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()
    place = rows.select(pl.int_range(pl.len()).over(_DAY)).to_series().to_numpy()
    board = np.full((int(cell.max()) + 1, int(place.max()) + 1), np.nan)
    board[cell, place] = floats(rows, name)
    return board, (cell, place)


def _corrected(decides: pl.DataFrame, name: str) -> pl.DataFrame:
    """P adjusted for all variants of a test; nothing for a test of one variant."""
    rows = decides.filter(pl.len().over(_DAY) > 1)
    if rows.is_empty():
        return OTHER_READINGS.frame()
    if name == "holm":
        board, at = _board(rows, "fixed_p")
        p = holm(board)[at]
    else:
        theta, at = _board(rows, "log_ratio")
        se, _ = _board(rows, "se")
        # The control's part of each variance: what the variants' errors have in common.
        own, _ = _board(rows.with_columns(control=_control_variance()), "control")
        p = step_down_dunnett_p(theta / se, own, np.maximum(se**2 - own, 1e-300))[at]
    return _told(rows.with_columns(column("p", p)), name, "all_variants", looks="one").with_columns(
        is_different=pl.col("p") < pl.col("level")
    )


def _control_variance() -> pl.Expr:
    """Variance of the control's log mean, about 1/k - 1/n; k is the effective number of gifts where it is known."""
    k = pl.coalesce(pl.col("n_effective_control"), pl.col("x_control").cast(pl.Float64))
    return (1 / k - 1 / pl.col("n_control")).clip(0.0)


def _exploratory(today: pl.DataFrame, metrics: Mapping[str, Metric]) -> list[pl.DataFrame]:
    """What differs among all further metrics and variants of a test, with few of the finds false."""
    guards = [name for name, metric in metrics.items() if metric.is_guardrail]
    rows = today.filter((pl.col("metric") != pl.col("primary_metric")) & ~pl.col("metric").is_in(guards))
    fixed, anytime = rows.filter(pl.col("fixed_p").is_not_null()), rows.filter(pl.col("log_e").is_not_null())
    found = []
    if not fixed.is_empty():
        board, at = _board(fixed, "fixed_p")
        adjusted = fixed.with_columns(column("p", benjamini_hochberg(board)[at]))
        found.append(
            _told(adjusted, "benjamini_hochberg", "all_metrics", looks="one").with_columns(
                is_different=pl.col("p") < pl.col("level")
            )
        )
    if not anytime.is_empty():
        board, at = _board(anytime, "log_e")
        alpha, _ = _board(anytime, "level")
        rejected = e_bh_rejects(board, np.nanmax(alpha, axis=1))[at]
        found.append(_told(anytime, "e_bh", "all_metrics", looks="any").with_columns(is_different=pl.Series(rejected)))
    return found


def _told(rows: pl.DataFrame, name: str, holds_for: str, *, looks: str) -> pl.DataFrame:
    kept = [*_DAY, "metric", "variant_id", "control_id", "level", "reason", *(["p"] if "p" in rows.columns else [])]
    # Where no range can be given the estimate may be what one reader gave, and stays in kept editions after an erasure.
    return rows.select(*kept, estimate=pl.when(pl.col("reason").is_null()).then("lift")).with_columns(
        method=pl.lit(name), scale=pl.lit("lift"), holds_for=pl.lit(holds_for), looks=pl.lit(looks)
    )


def sides_of(
    control: tuple[float, float, float, float], variant: tuple[float, float, float, float], share: float = 0.5
) -> Sides:
    """Sums (readers, readers with any, sum, sum of squares) of two variants, as `read` takes them."""
    return Sides(*(np.array([float(value)]) for value in (*control, *variant, share)))

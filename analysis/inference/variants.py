"""Every variant by itself: its mean, the limits of its rate, and its chance to be the best of all.

What compares a variant with the control stands in `estimates.py`; what is then to be done in `analysis/decisions.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis.inference import bayesian, means, proportions
from analysis.inference.allocation import advised_shares
from analysis.inference.arrays import Array, sum_by
from analysis.inference.layout import (
    FEWEST_CONTRIBUTORS,
    cells_of,
    column,
    floats,
    require_registered,
    texts,
    variants_of,
)
from analysis.inference.prior_scale import with_scale
from analysis.inference.results import Reason
from analysis.metrics import METRICS, Metric
from analysis.result_tables import VARIANT_RESULTS

Booleans = NDArray[np.bool_]


def describe_variants(
    statistics: pl.DataFrame,
    plans: pl.DataFrame,
    shares: pl.DataFrame,
    *,
    scales: pl.DataFrame | None = None,
    metrics: Mapping[str, Metric] = METRICS,
) -> pl.DataFrame:
    """Describe every variant by itself, and say which is likely the best.

    Over several epochs a mean is weighted by 1 / sum over variants of 1/n of the epoch, alike for all variants: with one
    epoch the plain mean, with two variants the means whose ratio `estimate` reports. Chance to be the best and expected
    loss come from the joint posterior of all variants, for the registered primary metric, basis `exposed` and segment
    `all` only; below 20 conversions in a variant from Beta posteriors.

    Args, Raises: As `estimate`.

    Returns:
        Schema `VARIANT_RESULTS`; one row per cell and registered variant, the control first.

    Source: docs/methods/decision.md; Wilson 1927 for the rate's limits.
    """
    require_registered(statistics, plans, shares, metrics)
    if statistics.is_empty():
        return VARIANT_RESULTS.frame()
    cells, numbered = cells_of(statistics)
    variants = variants_of(shares).with_columns(
        column=(pl.col("position").rank("ordinal").over("experiment_id") - 1).cast(pl.Int64)
    )
    cells = cells.join(plans.select("experiment_id", "primary_metric"), on="experiment_id").sort("cell")
    cells = with_scale(cells, scales)
    rows = cells.join(variants, on="experiment_id").sort("cell", "column")
    width = int(rows["column"].max()) + 1  # pyright: ignore[reportArgumentType, reportOperatorIssue]
    board = _Board.of(cells, rows, numbered, width, metrics)
    mean, se = board.means()
    n, x = board.totals("n"), board.totals("x")
    low, high = proportions.wilson(x, n)
    chosen = (
        (cells["basis"] == "exposed") & (cells["segment_kind"] == "all") & (cells["metric"] == cells["primary_metric"])
    ).to_numpy()
    chance, loss, blocked = board.best(chosen, mean, se, n, x, floats(cells, "tau"))
    at = (rows["cell"].cast(pl.Int64).to_numpy(), rows["column"].to_numpy())
    absent = n[at] <= 0
    reason = np.select(
        [np.isnan(x[at]), absent, blocked[at] != "", ~board.has_spread[at], np.isnan(se[at])],
        [str(Reason.NOT_SENT), str(Reason.NO_EXPOSURE), blocked[at], str(Reason.NO_SPREAD), str(Reason.NO_VARIATION)],
        default="",
    )
    return rows.with_columns(
        column("n", n[at]).cast(pl.Int64),
        column("x", x[at]).cast(pl.Int64),
        column("mean", mean[at]),
        column("se", se[at]),
        column("rate_low", low[at]),
        column("rate_high", high[at]),
        column("chance_best", chance[at]),
        column("expected_loss_per_1000", loss[at]),
        column("advised_share", advised_shares(chance)[at]),
        column("advised_share_gentle", advised_shares(chance, gentle=True)[at]),
        texts("reason", reason),
    ).select(pl.col(name).cast(dtype) for name, dtype in VARIANT_RESULTS.schema.items())


@dataclass(frozen=True)
class _Board:
    """Statistics as arrays with one row a cell and one column a variant; each cell has a stratum for every epoch."""

    cells: int
    width: int
    epochs: int
    registered: Booleans
    binary: Booleans
    ratio: Booleans
    turned: Booleans
    cell: NDArray[np.int64]
    stratum: NDArray[np.int64]
    column: NDArray[np.int64]
    values: dict[str, Array]

    @classmethod
    def of(
        cls, cells: pl.DataFrame, rows: pl.DataFrame, numbered: pl.DataFrame, width: int, metrics: Mapping[str, Metric]
    ) -> _Board:
        long = numbered.join(rows.select("cell", "variant_id", "column"), on=["cell", "variant_id"])
        epoch = long["epoch"].rank("dense").cast(pl.Int64).to_numpy() - 1
        binary, ratio, turned = (
            cells["metric"].is_in([name for name, metric in metrics.items() if holds(metric)]).to_numpy()
            for holds in (
                lambda metric: metric.kind == "binary",
                lambda metric: metric.kind == "ratio",
                lambda metric: metric.direction == "less_is_better",
            )
        )
        cell = long["cell"].cast(pl.Int64).to_numpy()
        values = {name: floats(long, name) for name in ("n", "x", "s1", "s2", "d1", "d2", "sd")}
        for name in ("s1", "s2"):
            values[name] = np.where(binary[cell], values["x"], values[name])
        for name, ones in (("d1", "n"), ("d2", "n"), ("sd", "s1")):
            values[name] = np.where(ratio[cell], values[name], values[ones])
        registered = np.zeros((cells.height, width), dtype=bool)
        registered[rows["cell"].cast(pl.Int64).to_numpy(), rows["column"].to_numpy()] = True
        return cls(
            cells=cells.height,
            width=width,
            registered=registered,
            binary=binary,
            ratio=ratio,
            turned=turned,
            cell=cell,
            epochs=int(epoch.max(initial=0)) + 1,
            stratum=cell * (int(epoch.max(initial=0)) + 1) + epoch,
            column=long["column"].to_numpy(),
            values=values,
        )

    def totals(self, name: str) -> Array:
        """Sum over epochs, shape (cells, width); not a number where the variant is not registered."""
        flat = sum_by(self.cell * self.width + self.column, self.values[name], self.cells * self.width)
        return np.where(self.registered, flat.reshape(self.cells, self.width), np.nan)

    @property
    def has_spread(self) -> Booleans:
        """Whether sums of squares are known, shape (cells, width)."""
        return np.isfinite(self.totals("s2"))

    def means(self) -> tuple[Array, Array]:
        """Mean per reader and its standard error, weighted over epochs alike for all variants that have readers."""
        n = self.values["n"]
        seen = self.totals("n") > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            strata = self.cells * self.epochs
            harmonic = 1 / sum_by(self.stratum, 1 / n, strata)
            present = sum_by(self.stratum, (n > 0).astype(np.float64), strata)
            complete = present[self.stratum] == seen.sum(axis=1)[self.cell]
            usable = complete & (n > 0)
            weight = np.where(usable, harmonic[self.stratum], 0.0)
            # Where no epoch has readers of all variants, each variant is described by its own readers.
            whole = sum_by(self.cell, weight, self.cells) > 0
            weight = np.where(whole[self.cell], weight, n)
            share = self.values["s1"] / n
            spread = np.where(
                self.binary[self.cell],
                share * (1 - share) / n,
                means.variance(n, self.values["s1"], self.values["s2"]) / n,
            )
            flat = self.cell * self.width + self.column
            size = self.cells * self.width

            def summed(values: Array) -> Array:
                return sum_by(flat, np.where(weight > 0, values, 0.0), size)

            total = summed(weight)
            # Of a mean per reader the denominator is 1 for every reader, and `over` the weights themselves.
            over = np.where(np.repeat(self.ratio, self.width), summed(weight * self.values["d1"] / n), total)
            mean = summed(weight * share) / over
            ratio = mean[flat]
            left = self.values["s2"] - 2 * ratio * self.values["sd"] + ratio**2 * self.values["d2"]
            left_over = means.variance(n, self.values["s1"] - ratio * self.values["d1"], left) / n
            spread = np.where(self.ratio[self.cell], left_over, spread)
            se = np.sqrt(summed(weight**2 * spread)) / over
            # No spread among readers is no certainty about the mean.
            se = np.where(se > 0, se, np.nan)
        shape = (self.cells, self.width)
        return mean.reshape(shape), se.reshape(shape)

    def best(
        self, chosen: Booleans, mean: Array, se: Array, n: Array, x: Array, tau: Array
    ) -> tuple[Array, Array, NDArray[np.str_]]:
        """Chance to be the best and expected loss per 1,000 of the chosen cells, and why they are absent."""
        shape = (self.cells, self.width)
        chance, loss = np.full(shape, np.nan), np.full(shape, np.nan)
        reason = np.full(shape, "", dtype="<U32")
        seen = n > 0
        rows_of = np.bincount(self.stratum, minlength=self.cells * self.epochs)
        epochs = (rows_of.reshape(self.cells, self.epochs) > 0).sum(axis=1)
        with np.errstate(invalid="ignore"):
            fewest = np.nanmin(np.where(seen, x, np.inf), axis=1)
            least = np.min(np.where(seen & ~np.isnan(mean), mean, np.inf), axis=1)
        no_spread = (seen & ~self.has_spread).any(axis=1)
        few = chosen & self.binary & (epochs == 1) & (fewest < bayesian.FEWEST_CONVERSIONS)
        any_x = np.nansum(x, axis=1) > 0
        cases = (
            # A single variant is the best of nothing.
            (chosen & (~seen[:, 0] | (seen.sum(axis=1) < 2)), Reason.NO_EXPOSURE),
            (chosen & ~any_x & ~no_spread, Reason.NO_CONVERSIONS_YET),
            (chosen & ~self.binary & no_spread, Reason.NO_SPREAD),
            (chosen & ~self.binary & (fewest < FEWEST_CONTRIBUTORS), Reason.TOO_FEW_GIFTS),
            (chosen & ~few & (least <= 0), Reason.NO_CONVERSION_IN_VARIANT),
        )
        by_cell = np.select([case for case, _ in cases], [str(code) for _, code in cases], default="")
        reason[:] = by_cell[:, None]
        turned = self.turned
        normal = np.flatnonzero(chosen & ~few & (by_cell == ""))
        if normal.size:
            with np.errstate(divide="ignore", invalid="ignore"):
                m = np.where(seen[normal], mean[normal], np.nan)
                joint = bayesian.several_variants(np.log(m), (se[normal] / m) ** 2, tau[normal])
            best, lost = bayesian.best_of(joint, turned[normal])
            chance[normal], loss[normal] = best, lost * mean[normal, :1] * 1000
        row = np.flatnonzero(few & (by_cell == ""))
        for begin in range(0, row.size, 512):
            part = row[begin : begin + 512]
            there = np.where(seen[part], 1.0, np.nan)
            best, lost = bayesian.best_rate(x[part] * there, n[part] * there, less_is_better=turned[part])
            chance[part], loss[part] = best, lost * 1000
        return chance, loss, reason

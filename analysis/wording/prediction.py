"""Do words predict? Learn from earlier tests, predict later ones, and say how well, beside chance and the ceiling.

No table of traits is shown without it. Intervals come from resampling the later tests whole, because arms of one test
belong together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import special

from analysis.inference.arrays import Array, sum_by
from analysis.inference.pooling import spread_between_arms
from analysis.wording.trait_effects import earlier_tests, outcome_of, trait_effects

#: Fewest later tests on which a prediction is judged.
FEWEST_JUDGED = 30
RESAMPLES = 2_000


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % interval by resampling tests."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class OutOfSample:
    """How well traits learned on earlier tests predict later ones.

    Attributes:
        train_tests, judged_tests: Tests learned from and judged on.
        pairs: Pairs of arms of one later test; `clear_pairs` of them differ by |z| > 1.96.
        accuracy: Share of pairs whose better arm was predicted; a tie counts half.
        clear_accuracy: The same over the clear pairs; None where there is none.
        ceiling: Accuracy that a perfect knowledge of the arms' true rates would reach against the noise of the counts.
        log_loss: Mean of -log of the chance given to what came; log 2 = 0.693 without knowledge.
        slope: Observed difference for one predicted: 1 is calibrated, 0 is no relation, below 1 too bold.
        bins: Calibration: one row a bin of pairs by predicted difference, `predicted` and `observed` means, `pairs`.
    """

    train_tests: int
    judged_tests: int
    pairs: int
    clear_pairs: int
    accuracy: Figure
    clear_accuracy: Figure | None
    ceiling: float
    log_loss: Figure
    slope: Figure
    bins: pl.DataFrame

    @property
    def predicts(self) -> bool:
        """False where chance explains the accuracy: its interval contains one half, or lies below."""
        return self.accuracy.low > 0.5


@dataclass(frozen=True)
class NotJudged:
    """Why there is no out-of-sample figure: `no_dates`, `too_few_tests` or `no_traits`."""

    reason: str
    tests: int


def out_of_sample(
    arms: pl.DataFrame,
    traits: Sequence[str],
    *,
    outcome: str = "conversion",
    train_share: float = 0.5,
    seed: int = 1,
) -> OutOfSample | NotJudged:
    """Judge traits on tests that they were not learned from.

    Args:
        arms: As for `trait_effects`.
        traits: Columns.
        outcome: `conversion` or `value`.
        train_share: Share of the dated tests, the earlier ones, that are learned from.
        seed: Of the resampling.
    """
    usable = arms.drop_nulls([*traits, "readers"]).filter((pl.col("readers") > 0) & (pl.len().over("test_id") > 1))
    if "ended" not in usable.columns or usable["ended"].null_count() == usable.height:
        return NotJudged("no_dates", usable["test_id"].n_unique())
    is_early = earlier_tests(usable, train_share)
    early, late = usable.filter(is_early), usable.filter(~is_early)
    if late["test_id"].n_unique() < FEWEST_JUDGED:
        return NotJudged("too_few_tests", late["test_id"].n_unique())
    learned = trait_effects(early, traits, outcome=outcome)
    known = learned.table.drop_nulls("shrunk_coefficient")
    if known.is_empty():
        return NotJudged("no_traits", learned.tests)
    score = late.select(known["trait"].to_list()).to_numpy() @ known["shrunk_coefficient"].to_numpy()
    y, variance = outcome_of(late, outcome)
    test = late["test_id"].rank("dense").cast(pl.Int64).to_numpy() - 1
    sigma2 = learned.sigma2 or 0.0
    between = spread_between_arms(
        *outcome_of(early, outcome), early["test_id"].rank("dense").cast(pl.Int64).to_numpy() - 1
    )
    return _judged(test, y, variance, score, sigma2, between, learned.tests, seed)


def _pairs(test: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rows = pl.DataFrame({"test": test, "row": np.arange(test.size)})
    both = rows.join(rows, on="test", suffix="_b").filter(pl.col("row") < pl.col("row_b")).sort("row", "row_b")
    return both["row"].to_numpy(), both["row_b"].to_numpy()


def _judged(
    test: NDArray[np.int64],
    y: Array,
    variance: Array,
    score: Array,
    sigma2: float,
    between: float,
    train_tests: int,
    seed: int,
) -> OutOfSample:
    tests = int(test.max()) + 1
    a, b = _pairs(test)
    predicted, observed, noise = score[a] - score[b], y[a] - y[b], variance[a] + variance[b]
    of_test = test[a]
    right = np.where(np.sign(predicted) * np.sign(observed) == 0, 0.5, np.sign(predicted) == np.sign(observed))
    is_clear = np.abs(observed) / np.sqrt(noise) > 1.959964
    chance = special.ndtr(np.sign(observed) * predicted / np.sqrt(noise + 2 * sigma2))
    loss = np.where(observed == 0, np.log(2), -np.log(np.maximum(chance, 1e-12)))
    weight = 1 / (variance + sigma2)
    total = sum_by(test, weight, tests)
    inner_score = score - (sum_by(test, weight * score, tests) / total)[test]
    inner_y = y - (sum_by(test, weight * y, tests) / total)[test]
    sums = np.stack(
        [
            sum_by(of_test, np.ones(a.size), tests),
            sum_by(of_test, right.astype(np.float64), tests),
            sum_by(of_test, is_clear.astype(np.float64), tests),
            sum_by(of_test, right * is_clear, tests),
            sum_by(of_test, loss, tests),
            sum_by(test, weight * inner_score**2, tests),
            sum_by(test, weight * inner_score * inner_y, tests),
        ]
    )
    rng = np.random.default_rng(seed)
    draws = np.stack([sums @ rng.multinomial(tests, np.full(tests, 1 / tests)) for _ in range(RESAMPLES)], axis=1)
    full = sums.sum(axis=1)

    def figure(part: int, whole: int) -> Figure:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = draws[part] / draws[whole]
        low, high = np.nanquantile(ratios, [0.025, 0.975])
        return Figure(float(full[part] / full[whole]), float(low), float(high))

    return OutOfSample(
        train_tests=train_tests,
        judged_tests=tests,
        pairs=a.size,
        clear_pairs=int(is_clear.sum()),
        accuracy=figure(1, 0),
        clear_accuracy=figure(3, 2) if is_clear.any() else None,
        ceiling=float(np.mean(0.5 + np.arctan(np.sqrt(2 * between / noise)) / np.pi)),
        log_loss=figure(4, 0),
        slope=figure(6, 5),
        bins=_bins(predicted, observed),
    )


def _bins(predicted: Array, observed: Array, count: int = 10) -> pl.DataFrame:
    """Means of predicted and observed differences in bins of equal size; each pair looked at from its better side."""
    turn = np.where(predicted < 0, -1.0, 1.0)
    frame = pl.DataFrame({"predicted": predicted * turn, "observed": observed * turn}).sort("predicted")
    return (
        frame.with_row_index("place")
        .with_columns(bin=pl.col("place") * count // max(frame.height, 1))
        .group_by("bin", maintain_order=True)
        .agg(pl.col("predicted").mean(), pl.col("observed").mean(), pairs=pl.len().cast(pl.Int64))
        .drop("bin")
    )

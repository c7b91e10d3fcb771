"""Do words predict? Learn from earlier tests, predict later ones, and say how well, beside chance and the ceiling.

No table of traits is shown without it. Intervals come from resampling the later tests whole, because arms of one test
belong together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import special

from analysis.inference.arrays import Array, sum_by
from analysis.inference.pooling import spread_between_arms
from analysis.wording.nesting import Nesting, Numbers
from analysis.wording.trait_effects import Coded, earlier_tests, learn, outcome_of

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
        pairs: Pairs of arms of one block of a later test; `clear_pairs` of them differ by |z| > 1.96.
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
    coded = Coded.of(arms, traits, outcome)
    if "ended" not in coded.arms.columns or coded.arms["ended"].null_count() == coded.arms.height:
        return NotJudged("no_dates", coded.nesting.tests)
    is_early = earlier_tests(coded.arms, train_share).to_numpy()
    everything = range(len(traits))
    early, late = coded.part(is_early, everything), coded.part(~is_early, everything)
    if late.nesting.tests < FEWEST_JUDGED:
        return NotJudged("too_few_tests", late.nesting.tests)
    learned = learn(early)
    if learned is None:
        return NotJudged("no_traits", early.nesting.tests)
    score = late.matrix[:, learned.columns] @ learned.shrunk
    between = spread_between_arms(*outcome_of(early.arms, outcome), early.nesting.block)
    y, variance = outcome_of(late.arms, outcome)
    return _judged(late.nesting, y, variance, score, learned.found.sigma2, between, early.nesting.tests, seed)


def _pairs(block: Numbers) -> tuple[Numbers, Numbers]:
    rows = pl.DataFrame({"block": block, "row": np.arange(block.size)})
    both = rows.join(rows, on="block", suffix="_b").filter(pl.col("row") < pl.col("row_b")).sort("row", "row_b")
    return both["row"].to_numpy(), both["row_b"].to_numpy()


def _judged(
    nesting: Nesting,
    y: Array,
    variance: Array,
    score: Array,
    sigma2: float,
    between: float,
    train_tests: int,
    seed: int,
) -> OutOfSample:
    tests, of_row = nesting.tests, nesting.test[nesting.block]
    a, b = _pairs(nesting.block)
    predicted, observed, noise = score[a] - score[b], y[a] - y[b], variance[a] + variance[b]
    of_pair = of_row[a]
    right = np.where(np.sign(predicted) * np.sign(observed) == 0, 0.5, np.sign(predicted) == np.sign(observed))
    is_clear = np.abs(observed) / np.sqrt(noise) > 1.959964
    chance = special.ndtr(np.sign(observed) * predicted / np.sqrt(noise + 2 * sigma2))
    loss = np.where(observed == 0, np.log(2), -np.log(np.maximum(chance, 1e-12)))
    weight = 1 / (variance + sigma2)
    inner_score, inner_y = nesting.demeaned(np.stack([score, y], axis=1), weight).T
    sums = np.stack(
        [
            sum_by(of_pair, np.ones(a.size), tests),
            sum_by(of_pair, right.astype(np.float64), tests),
            sum_by(of_pair, is_clear.astype(np.float64), tests),
            sum_by(of_pair, right * is_clear, tests),
            sum_by(of_pair, loss, tests),
            sum_by(of_row, weight * inner_score**2, tests),
            sum_by(of_row, weight * inner_score * inner_y, tests),
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

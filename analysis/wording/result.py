"""What an edition says about wording, as the tables that are kept, published and read: pages, drafts and analysts see these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import polars as pl

from analysis.result_tables import ResultTable
from analysis.wording.examples import examples
from analysis.wording.findings import MOST_SURFACES, Findings, OutcomeFindings
from analysis.wording.lexicon import lexicon
from analysis.wording.past import OUTCOMES, Past
from analysis.wording.prediction import Figure, NotJudged
from analysis.wording.tables import (
    WORDING_AGREEMENT,
    WORDING_CALIBRATION,
    WORDING_EFFECTS,
    WORDING_EXAMPLES,
    WORDING_INTERACTIONS,
    WORDING_PREDICTION,
    WORDING_TABLES,
)
from analysis.wording.trait_effects import TRAIT_EFFECT_SCHEMA

#: A surface that is not looked at, because others have more tests.
TOO_MANY_SURFACES = "too_many_surfaces"


@dataclass(frozen=True)
class WordingResult:
    """The tables of `tables.WORDING_TABLES`, in their order."""

    prediction: pl.DataFrame
    calibration: pl.DataFrame
    effects: pl.DataFrame
    examples: pl.DataFrame
    agreement: pl.DataFrame
    interactions: pl.DataFrame

    @classmethod
    def of(cls, frames: Mapping[str, pl.DataFrame]) -> WordingResult:
        """From frames by the name of their table."""
        return cls(*(frames[table.name] for table in WORDING_TABLES))

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """The tables by name."""
        return {
            table.name: getattr(self, place.name) for table, place in zip(WORDING_TABLES, fields(self), strict=True)
        }

    @property
    def surfaces(self) -> tuple[str, ...]:
        """The surfaces that were looked at, that with most tests first."""
        told = self.prediction.filter(pl.col("reason").is_null() | (pl.col("reason") != TOO_MANY_SURFACES))
        return tuple(told.sort("place")["surface"].unique(maintain_order=True))

    def on(self, surface: str) -> WordingResult:
        """What is said of one surface."""
        return WordingResult(*(getattr(self, place.name).filter(surface=surface) for place in fields(self)))

    def outcome(self, outcome: str = "conversion") -> Mapping[str, object]:
        """The row of `prediction` on an outcome; of a result on one surface."""
        return self.prediction.row(by_predicate=pl.col("outcome") == outcome, named=True)


def wording_result(pools: Sequence[Findings], past: Past) -> WordingResult:
    """Return what was found on each surface, and the surfaces that were not looked at."""
    tables: dict[str, list[pl.DataFrame]] = {table.name: [table.frame()] for table in WORDING_TABLES}
    for place, pool in enumerate(pools, 1):
        for name, frame in _tables_of(pool, place).items():
            tables[name].append(frame)
    further = [
        {
            "surface": surface,
            "outcome": outcome,
            "place": place,
            "tests": past.arms.filter(surface=surface)["test_id"].n_unique(),
            "reason": TOO_MANY_SURFACES,
        }
        for place, surface in enumerate(past.surfaces[MOST_SURFACES:], MOST_SURFACES + 1)
        for outcome in OUTCOMES
    ]
    tables[WORDING_PREDICTION.name].append(WORDING_PREDICTION.frame(further))
    return WordingResult.of({name: pl.concat(frames) for name, frames in tables.items()})


def _tables_of(pool: Findings, place: int) -> dict[str, pl.DataFrame]:
    names = pl.DataFrame(
        [
            {"trait": trait.id, "name": trait.name, "meaning": trait.meaning, "unit": trait.unit}
            for trait in pool.traits
        ],
        schema=dict.fromkeys(("trait", "name", "meaning", "unit"), pl.String),
    )
    effects = pl.concat(
        found.effects.table.select(list(TRAIT_EFFECT_SCHEMA)).with_columns(outcome=pl.lit(outcome))
        for outcome, found in pool.outcomes.items()
    ).join(names, on="trait", maintain_order="left")
    calibration = pl.concat(
        [
            found.judged.bins.with_row_index("bin", 1).with_columns(outcome=pl.lit(outcome))
            for outcome, found in pool.outcomes.items()
            if not isinstance(found.judged, NotJudged)
        ]
        or [WORDING_CALIBRATION.frame().drop("surface")],
        how="vertical_relaxed",
    )
    prediction = WORDING_PREDICTION.frame(
        [_prediction(pool, place, outcome, found) for outcome, found in pool.outcomes.items()]
    )
    return {
        WORDING_PREDICTION.name: prediction,
        WORDING_CALIBRATION.name: _shaped(calibration, WORDING_CALIBRATION, pool.surface),
        WORDING_EFFECTS.name: _shaped(effects, WORDING_EFFECTS, pool.surface),
        WORDING_EXAMPLES.name: _shaped(
            examples(pool.arms, [trait.id for trait in pool.traits]), WORDING_EXAMPLES, pool.surface
        ),
        WORDING_AGREEMENT.name: _shaped(pool.agreement, WORDING_AGREEMENT, pool.surface),
        WORDING_INTERACTIONS.name: _shaped(pool.interactions, WORDING_INTERACTIONS, pool.surface),
    }


def _shaped(frame: pl.DataFrame, table: ResultTable, surface: str) -> pl.DataFrame:
    return frame.with_columns(surface=pl.lit(surface)).select(
        pl.col(name).cast(dtype) for name, dtype in table.schema.items()
    )


def _prediction(pool: Findings, place: int, outcome: str, found: OutcomeFindings) -> dict[str, object]:
    counted = pool.arms.filter(pl.len().over("block_id") > 1)
    row: dict[str, object] = {
        "surface": pool.surface,
        "outcome": outcome,
        "place": place,
        "language": pool.language,
        "lexicon_version": lexicon(pool.language).version,
        "tests": found.effects.tests,
        "arms": found.effects.arms,
        "tests_left_out": pool.left_out,
        "arms_uncoded": pool.uncoded,
        "method": found.effects.method,
        "sigma2": found.effects.sigma2,
        "median_conversions": counted["conversions"].median(),
        "median_rate": (counted["conversions"] / counted["readers"]).median(),
    }
    judged = found.judged
    if isinstance(judged, NotJudged):
        return {**row, "reason": judged.reason, "judged_tests": judged.tests}
    row |= {
        "train_tests": judged.train_tests,
        "judged_tests": judged.judged_tests,
        "pairs": judged.pairs,
        "clear_pairs": judged.clear_pairs,
        "ceiling": judged.ceiling,
        "is_predicting": judged.predicts,
    }
    for name in ("accuracy", "clear_accuracy", "log_loss", "slope"):
        figure: Figure | None = getattr(judged, name)
        if figure is not None:
            row |= {name: figure.value, f"{name}_low": figure.low, f"{name}_high": figure.high}
    return row

"""Two codings of the same texts: how far rules and people agree, trait by trait, beyond what chance would give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

#: Texts coded by people below which agreement is not stated: the interval's formula is one of large samples.
FEWEST_TEXTS = 10


AGREEMENT_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "trait": pl.String,
    "texts": pl.Int64,
    "seen_by_both": pl.Int64,
    "seen_by_rules": pl.Int64,
    "seen_by_people": pl.Int64,
    "seen_by_none": pl.Int64,
    "kappa": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}

_CELLS = ("seen_by_both", "seen_by_rules", "seen_by_people", "seen_by_none")


@dataclass(frozen=True)
class Kappa:
    """Cohen's kappa with its 95 % interval, from -1 to 1."""

    value: float
    low: float
    high: float


def kappa(both: int, only_rules: int, only_people: int, neither: int) -> Kappa | None:
    """Agreement of two yes-or-no codings of the same texts beyond chance; None where both never differ in value.

    Args:
        both, only_rules, only_people, neither: Texts in which both, one, or none saw the trait.

    Source: Cohen 1960; Fleiss, Cohen & Everitt 1969, equation 13 (standard error).
    """
    n = both + only_rules + only_people + neither
    if n == 0:
        return None
    cells = [[both / n, only_rules / n], [only_people / n, neither / n]]
    rules = [sum(row) for row in cells]
    people = [cells[0][side] + cells[1][side] for side in (0, 1)]
    agreed, chance = cells[0][0] + cells[1][1], sum(r * p for r, p in zip(rules, people, strict=True))
    if chance == 1:
        return None
    value = (agreed - chance) / (1 - chance)
    diagonal = sum(cells[i][i] * (1 - (people[i] + rules[i]) * (1 - value)) ** 2 for i in (0, 1))
    apart = (1 - value) ** 2 * sum(cells[i][1 - i] * (people[i] + rules[1 - i]) ** 2 for i in (0, 1))
    variance = (diagonal + apart - (value - chance * (1 - value)) ** 2) / (n * (1 - chance) ** 2)
    half = 1.959963984540054 * math.sqrt(max(variance, 0.0))
    return Kappa(value, max(value - half, -1.0), min(value + half, 1.0))


def agreement(rules: pl.DataFrame, people: pl.DataFrame, traits: Sequence[str]) -> pl.DataFrame:
    """How far rules and people agree on each trait that both coded.

    Args:
        rules: `test_id`, `arm_id`, and a Float64 column a trait, as rules have them.
        people: Schema `CODED_BY_PEOPLE`.
        traits: Columns of `rules`.

    Returns:
        One row a trait that people coded, schema `AGREEMENT_SCHEMA`; kappa and its limits null below `FEWEST_TEXTS` texts, or where nobody ever saw the trait, or everybody always did.
    """
    rows: list[dict[str, object]] = []
    for trait in traits:
        said = people.filter(trait=trait).join(rules.select("test_id", "arm_id", trait), on=["test_id", "arm_id"])
        if said.is_empty():
            continue
        cells = [
            said.filter((pl.col(trait) > 0) == by_rules, (pl.col("value") > 0) == by_people).height
            for by_rules, by_people in ((True, True), (True, False), (False, True), (False, False))
        ]
        found = kappa(*cells) if said.height >= FEWEST_TEXTS else None
        rows.append(
            {
                "trait": trait,
                "texts": said.height,
                **dict(zip(_CELLS, cells, strict=True)),
                "kappa": None if found is None else found.value,
                "low": None if found is None else found.low,
                "high": None if found is None else found.high,
            }
        )
    return pl.DataFrame(rows, schema=AGREEMENT_SCHEMA)

"""Traits of the registered texts, coded as the evidence on wording codes them: what people said overrules the rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from analysis.registry import Experiment
from analysis.result_tables import ResultTable
from analysis.wording.lexicon import OwnTrait
from analysis.wording.traits import code_texts

TRAITS = ResultTable(
    "traits",
    "experiment, variant, trait of the wording",
    {
        "experiment_id": (pl.String, "Experiment."),
        "variant_id": (pl.String, "Variant."),
        "trait": (pl.String, "Trait, as in `wording_effects`; its meaning stands in the lexicon of its language."),
        "value": (
            pl.Float64,
            "1 where the text has it and 0 where not, or how much of it; absent where it cannot be told, as an amount that is "
            "not proposed.",
        ),
        "coded_by": (pl.String, "`rules`, or `people` where the registry overrules them."),
    },
)


def registered_traits(experiments: Iterable[Experiment], own: Mapping[str, OwnTrait]) -> pl.DataFrame:
    """Return the traits of every registered wording. Schema `TRAITS`.

    Args:
        experiments: The registry.
        own: Traits that the newsroom declares itself, by id.
    """
    declared = [trait.as_trait(name) for name, trait in own.items()]
    rows: list[dict[str, object]] = []
    for experiment in experiments:
        appeals = [variant.appeal for variant in experiment.variants]
        words = [
            "\n".join(part for part in (appeal.headline, appeal.body, appeal.highlight, appeal.button) if part) or None
            for appeal in appeals
        ]
        amounts = [float(min(appeal.amounts)) if appeal.amounts else None for appeal in appeals]
        coded = code_texts(words, experiment.language, lowest_amount=amounts, own=declared)
        for variant, by_rules in zip(experiment.variants, coded.iter_rows(named=True), strict=True):
            by_people = {name: float(value) for name, value in variant.traits.items()}
            rows += [
                {
                    "experiment_id": experiment.id,
                    "variant_id": variant.id,
                    "trait": name,
                    "value": by_people.get(name, by_rules.get(name)),
                    "coded_by": "people" if name in by_people else "rules",
                }
                for name in dict.fromkeys((*by_rules, *by_people))
            ]
    return TRAITS.frame(rows)

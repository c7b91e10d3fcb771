"""Advice on shares stands on pages of tests that are still asking, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from dashboards.blocks import Sentences
from dashboards.experiment.page import experiment_report
from tests.dashboards import builders
from tests.dashboards.builders import tell


def told(story: builders.Story, chances: dict[str, tuple[float, float, float]]) -> str:
    result = tell(story)
    columns = ("chance_best", "advised_share", "advised_share_gentle")
    rows = result.variant_results.with_columns(
        pl.col("variant_id")
        .replace_strict(
            {name: values[place] for name, values in chances.items()}, default=None, return_dtype=pl.Float64
        )
        .alias(column)
        for place, column in enumerate(columns)
    )
    page = experiment_report(replace(result, variant_results=rows))
    plan = next(section for section in page.sections if section.id == "plan")
    return " ".join(text for block in plan.blocks if isinstance(block, Sentences) for text in block.sentences)


TWO = {"current": (0.2, 0.2, 0.33), "b": (0.8, 0.8, 0.67)}


def test_a_test_that_is_still_asking_gets_advice_with_its_limits() -> None:
    said = told(builders.KEEP_ASKING, TWO)
    assert "Advice on shares, never applied by itself: A 20% and B 80%; gentler: A 33% and B 67%." in said
    assert "once a week at most" in said


def test_a_test_with_an_answer_or_without_chances_gets_none() -> None:
    assert "Advice on shares" not in told(builders.PROVEN, TWO)
    assert "Advice on shares" not in told(builders.KEEP_ASKING, {"b": (0.8, 0.8, 0.67)})

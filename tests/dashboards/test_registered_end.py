"""The page of a test with a registered end: its ranges, its proof and its end, and none of them once the plan was changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl

from analysis.experiment_result import ExperimentResult
from dashboards.blocks import Sentences, Table
from dashboards.experiment.page import experiment_report
from dashboards.phrasing.verdicts import verdict_words
from dashboards.reading import Reading
from tests.dashboards import builders
from tests.dashboards.builders import TODAY, tell


def ended(story: builders.Story, **columns: Any) -> ExperimentResult:
    """A story under a registered end: half of the information, a range of -5 to +25 %, nothing proven, unless changed."""
    said = {
        "planned_share": 0.5,
        "planned_bound": 2.96,
        "planned_low": -0.05,
        "planned_high": 0.25,
        "planned_sign": 0,
        "planned_closed_at": None,
        **columns,
    }
    result = tell(story)
    decides = (pl.col("metric") == "value") & (pl.col("basis") == "exposed") & (pl.col("segment_kind") == "all")
    estimates = result.estimates.with_columns(
        pl.when(decides).then(pl.lit(value)).cast(result.estimates.schema[name]).alias(name)
        for name, value in said.items()
    )
    experiment = result.experiment.model_copy(update={"guarantee": "planned"})
    return replace(result, estimates=estimates, experiment=experiment)


def page_text(result: ExperimentResult) -> str:
    page = experiment_report(result)
    said = [page.headline, page.standfirst, page.advice, page.hero_caption]
    for section in page.sections:
        said += [section.heading, section.lead or ""]
        for block in section.blocks:
            if isinstance(block, Sentences):
                said += block.sentences
            if isinstance(block, Table):
                said += [f"{column.label} {column.note}" for column in block.columns]
                said += [cell.text for row in block.rows for cell in row.cells]
    return " ".join(said)


def test_the_ranges_are_those_of_the_registered_end_and_say_so() -> None:
    result = ended(builders.KEEP_ASKING)
    comparison = Reading(result).comparison("b")
    assert comparison is not None
    assert (comparison.lift_range.low, comparison.lift_range.high) == (-0.05, 0.25)
    base = comparison.number("mean_control") or 0.0
    assert comparison.difference_range.high == 0.25 * base * 1000
    said = page_text(result)
    assert "at every look up to the registered end" in said
    assert "50% of the information planned is in, and no look has gone beyond its bound." in said
    assert "95%, up to the registered end" in said
    assert "not beyond the bound yet" in said


def test_what_lies_beyond_its_bound_is_proven_whatever_the_e_value() -> None:
    result = ended(builders.KEEP_ASKING, planned_sign=1, planned_low=0.02)
    comparison = Reading(result).comparison("b")
    assert comparison is not None
    assert comparison.is_proven is ((comparison.number("log_ratio") or 0) > 0)
    assert "bound" not in verdict_words(result).standfirst


def test_after_the_end_the_page_says_that_nothing_more_is_said() -> None:
    said = page_text(ended(builders.KEEP_ASKING, planned_share=1.0, planned_closed_at=date(2026, 11, 1)))
    assert "The registered end has come, and no difference is proven." in said
    assert "held at every look up to Sun 1 Nov 2026" in said


def test_a_changed_plan_is_told_and_the_anytime_range_shown() -> None:
    result = tell(builders.KEEP_ASKING)
    changed = replace(result, experiment=result.experiment.model_copy(update={"guarantee": "planned"}))
    said = page_text(changed)
    assert "was changed after the first look: it no longer counts" in said
    assert "at every look up to" not in said
    assert result.edition.as_of == TODAY

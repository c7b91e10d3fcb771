"""The section on what was known of readers before: absent unless registered, its gain said, a missing figure with its reason."""

from __future__ import annotations

from dataclasses import replace

from analysis.result_tables import ADJUSTED_ESTIMATES
from dashboards.blocks import Section, Table
from dashboards.experiment.page import experiment_report
from tests.dashboards import builders
from tests.dashboards.builders import TODAY, tell


def adjusted(**columns: object) -> Section:
    result = tell(builders.KEEP_ASKING)
    row = {
        "experiment_id": result.experiment.id,
        "as_of": TODAY,
        "metric": "pageviews",
        "variant_id": "b",
        "control_id": "current",
        "method": "one_covariate",
        "lift": 0.012,
        "anytime_low": -0.004,
        "anytime_high": 0.028,
        "variance_kept": 0.5,
        **columns,
    }
    experiment = result.experiment.model_copy(update={"covariates": ("visits_before", "device")})
    told = replace(result, adjusted_estimates=ADJUSTED_ESTIMATES.frame([row]), experiment=experiment)
    return next(found for found in experiment_report(told).sections if found.id == "adjusted")


def cells(section: Section) -> list[str]:
    table = next(block for block in section.blocks if isinstance(block, Table))
    (row,) = table.rows
    return [cell.text for cell in row.cells]


def test_what_is_not_registered_has_no_section() -> None:
    assert "adjusted" not in [found.id for found in experiment_report(tell(builders.KEEP_ASKING)).sections]


def test_the_gain_is_said_in_readers() -> None:
    said = cells(adjusted())
    assert said[1] == "Earlier visits taken into account"
    assert said[3] == "+1.2%"
    assert said[4] == "as if 100% more readers had been asked"
    assert cells(adjusted(variance_kept=0.9996))[4] == "no gain"


def test_a_comparison_that_is_not_there_says_why() -> None:
    said = cells(adjusted(lift=None, anytime_low=None, anytime_high=None, variance_kept=None, reason="too_few_readers"))
    assert said[3:] == ["Not known", "Not known"]

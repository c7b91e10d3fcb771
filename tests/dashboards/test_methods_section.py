"""The section on other methods: what each says, and absent where nothing was read by another one."""

from __future__ import annotations

from dataclasses import replace

from analysis.inference.other_readings import CORRECTIONS, METHODS
from analysis.result_tables import OTHER_READINGS
from dashboards.blocks import Table
from dashboards.experiment.page import experiment_report
from dashboards.phrasing.methods import _NAMES
from tests.dashboards import builders
from tests.dashboards.builders import TODAY, tell


def rows(*readings: dict[str, object]) -> list[list[str]]:
    result = tell(builders.KEEP_ASKING)
    common = {
        "experiment_id": result.experiment.id,
        "as_of": TODAY,
        "metric": "value",
        "variant_id": "b",
        "control_id": "current",
    }
    told = replace(result, other_readings=OTHER_READINGS.frame([{**common, **one} for one in readings]))
    section = next((found for found in experiment_report(told).sections if found.id == "methods"), None)
    tables = [] if section is None else [block for block in section.blocks if isinstance(block, Table)]
    return [[row.head.text, *(cell.text for cell in row.cells)] for table in tables for row in table.rows]


LIFT = {"method": "fieller", "scale": "lift", "estimate": 0.12, "low": -0.01, "high": 0.27, "is_different": False}


def test_each_method_says_its_range_and_whether_it_calls_them_different() -> None:
    (row,) = rows(LIFT)
    assert row[0] == "Fieller interval of the ratio"
    assert row[1].startswith("+12.0%")
    assert row[2:] == ["—", "no"]
    (row,) = rows({**LIFT, "method": "welch", "p": 0.0001, "is_different": True})
    assert row[2:] == ["below 0.001", "yes"]


def test_without_a_reading_there_is_no_section() -> None:
    assert rows() == []
    assert rows({**LIFT, "estimate": None, "reason": "several_epochs"}) == []


def test_every_method_has_a_name_for_people() -> None:
    assert set(_NAMES) == {*METHODS, *CORRECTIONS}

"""`askwell analyze --method`: the comparison by other methods, as a person and as a script meets it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from analysis.inference.other_readings import METHODS
from askwell.cli import app
from tests.askwell.test_analyze import analyze, answer

COLUMNS = ("--variant", "arm", "--converted", "gave")


@pytest.fixture
def readers(tmp_path: Path) -> Path:
    """2,000 readers of each of three wordings, of whom 60, 100 and 66 gave 5.00 or 20.00."""
    file = tmp_path / "gifts.csv"
    rows = ["arm,gave,amount"]
    for arm, gifts in (("control", 60), ("thanks", 100), ("urgent", 66)):
        rows += [f"{arm},1,{20 if number % 4 == 0 else 5}.00" for number in range(gifts)]
        rows += [f"{arm},0,"] * (2000 - gifts)
    file.write_text("\n".join(rows), encoding="utf-8")
    return file


def test_a_method_is_told_by_its_name_and_only_where_it_is_asked_for(readers: Path) -> None:
    assert "By other methods" not in analyze(readers, *COLUMNS)
    said = analyze(readers, *COLUMNS, "--method", "newcombe")
    assert "By other methods" in said
    assert said.count("Newcombe interval of the difference") == 2
    assert "Score interval" not in said.partition("By other methods")[2].partition("What to expect")[0]


def test_a_script_reads_every_method_in_major_units(readers: Path) -> None:
    found = answer(readers, *COLUMNS, "--value", "amount", "--method", "all")["other_readings"]
    by_name = {(item["method"], item["variant"]): item for item in found}
    assert {name for name, _ in by_name} >= {"log_t", "fieller", "welch", "dunnett", "holm"}
    welch = by_name["welch", "thanks"]
    assert welch["scale"] == "difference_per_1000"
    assert welch["estimate"] == pytest.approx((25 * 20 + 75 * 5 - 15 * 20 - 45 * 5) / 2000 * 1000)
    assert by_name["dunnett", "thanks"]["holds_for"] == "all_variants"
    assert "other_readings" not in answer(readers, *COLUMNS)


def test_a_method_that_is_not_there_is_named_with_those_that_are(readers: Path) -> None:
    result = CliRunner().invoke(app, ["analyze", str(readers), *COLUMNS, "--method", "bayes"], env={"COLUMNS": "300"})
    assert result.exit_code == 2
    assert "--method bayes is not known" in result.output
    assert all(name in result.output for name in METHODS)

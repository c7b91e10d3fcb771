"""`askwell import` as a person uses it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.settings import read_settings
from analysis.store import Warehouse
from analysis.wording.tables import PAST_ARMS

ASKWELL = Path(sys.executable).with_name("askwell")
SETTINGS = """[publisher]
name = "The Test Courier"
time_zone = "Europe/London"
reporting_currency = "GBP"
locale = "en-GB"
first_day = 2026-10-01
"""
PAST = "test_id,headline,readers,conversions\na,Give today,10000,40\na,Thank you,10010,52\nb,Give,,3\n"


def askwell(*arguments: object, cwd: Path, leaves: int = 0) -> str:
    done = subprocess.run([ASKWELL, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == leaves, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "askwell.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "experiments").mkdir()
    (tmp_path / "past.csv").write_text(PAST, encoding="utf-8")
    return tmp_path


def test_every_row_is_accounted_for_and_a_second_import_changes_nothing(folder: Path) -> None:
    said = askwell("import", "past.csv", cwd=folder)
    assert "Imported past: 1 test with 2 wordings." in said
    assert "3 received = 2 used + 0 added to the same words of their test + 1 set aside" in said
    first = Warehouse(read_settings(folder / "askwell.toml")).parts(PAST_ARMS)
    assert json.loads(askwell("import", "past.csv", "--json", cwd=folder))["changed"] is False
    assert Warehouse(read_settings(folder / "askwell.toml")).parts(PAST_ARMS) == first


def test_a_corrected_file_of_the_same_name_takes_the_place_of_the_first(folder: Path) -> None:
    askwell("import", "past.csv", cwd=folder)
    (folder / "past.csv").write_text(PAST.replace("b,Give,,3", "b,Give,900,3"), encoding="utf-8")
    assert json.loads(askwell("import", "past.csv", "--json", cwd=folder))["tests"] == 2
    parts = Warehouse(read_settings(folder / "askwell.toml")).parts(PAST_ARMS)
    assert [part.rows for part in parts] == [3]


def test_mistakes_are_one_sentence(folder: Path) -> None:
    assert "past-2.csv does not exist" in askwell("import", "past-2.csv", cwd=folder, leaves=1)
    assert "has no column Seen" in askwell(
        "import", "past.csv", "--columns", "test_id=test_id,readers=Seen", cwd=folder, leaves=1
    )
    assert "give pairs such as" in askwell("import", "past.csv", "--columns", "readers", cwd=folder, leaves=2)
    twice = "test_id=test_id,test_id=readers"
    assert "names 'test_id' twice" in askwell("import", "past.csv", "--columns", twice, cwd=folder, leaves=2)
    assert "--name" in askwell("import", "past.csv", "--name", "../x", cwd=folder, leaves=2)


def test_a_day_that_cannot_be_read_is_told_with_the_form_it_needs(folder: Path) -> None:
    (folder / "days.csv").write_text(
        "test_id,ended,headline,readers,conversions\n"
        "a,2020-12-31,Give today,10000,40\na,2020-12-31,Thank you,10010,52\na,31/12/2020,Help,10020,50\n",
        encoding="utf-8",
    )
    said = askwell("import", "days.csv", cwd=folder)
    assert "3 received = 2 used + 0 added to the same words of their test + 1 set aside" in said
    assert "1 with a day that cannot be read (it is needed as 2020-12-31)" in said

"""The API for notebooks: every docstring's example runs, and the notebook that we ship comes to its conclusion."""

from __future__ import annotations

import doctest
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

import analysis.published
from analysis.errors import WarehouseError
from analysis.published import Published, StatementError, open_publisher
from tests.analysis.test_database import land_readers, published
from tests.builders import TestPublisher
from tests.test_architecture import ROOT


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = TestPublisher(tmp_path_factory.mktemp("notebook") / "publisher")
    made.register()
    land_readers(made)
    published(made)
    return made.folder


@pytest.fixture
def publisher(folder: Path) -> Iterator[Published]:
    with open_publisher(folder) as opened:
        yield opened


def test_every_example_of_the_docstrings_runs(publisher: Published) -> None:
    found = doctest.DocTestFinder().find(analysis.published, extraglobs={"publisher": publisher})
    runner = doctest.DocTestRunner()
    for test in found:
        runner.run(test)
    assert runner.failures == 0
    assert runner.tries >= 9


def test_the_python_of_the_document_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = TestPublisher(tmp_path / "publisher")
    made.register("thank-you-first")
    land_readers(made, experiment_id="thank-you-first")
    published(made)
    monkeypatch.chdir(made.folder)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks, "docs/python.md shows no Python any more"
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), {})  # noqa: S102 - our own document


def test_the_session_of_the_document_answers_as_it_says() -> None:
    done = doctest.testfile(str(ROOT / "docs" / "python.md"), module_relative=False)
    assert (done.failed, done.attempted) == (0, 8)


_OUTCOMES = "SELECT variant_id, value_minor FROM reader_outcomes ORDER BY reader_key"


def test_arrow_holds_what_polars_holds(publisher: Published) -> None:
    table = publisher.arrow(_OUTCOMES)
    assert pl.DataFrame(table).equals(publisher.sql(_OUTCOMES))


def test_polars_and_numpy_take_the_arrow_table_over_without_a_copy(publisher: Published) -> None:
    column = publisher.arrow(_OUTCOMES)["value_minor"].combine_chunks()
    address = column.buffers()[1].address
    assert pl.Series(column).to_arrow().buffers()[1].address == address
    assert column.to_numpy(zero_copy_only=True).__array_interface__["data"][0] == address


def test_pandas_holds_what_polars_holds(publisher: Published) -> None:
    pytest.importorskip("pandas", reason="pandas is not among what Askwell installs")
    frame = publisher.arrow(_OUTCOMES).to_pandas()
    assert frame["variant_id"].tolist() == publisher.sql(_OUTCOMES)["variant_id"].to_list()
    assert frame["value_minor"].sum() == publisher.sql(_OUTCOMES)["value_minor"].sum()


def test_an_earlier_edition_and_a_wrong_statement_are_answered_in_a_sentence(
    folder: Path, publisher: Published
) -> None:
    with open_publisher(folder, edition=1) as first:
        assert first.sql("SELECT max(edition) AS edition FROM editions").item() == 1
    with pytest.raises(WarehouseError, match="There is no edition 7"):
        open_publisher(folder, edition=7)
    with pytest.raises(StatementError, match="cannot be run"):
        publisher.sql("SELEC 1")
    with pytest.raises(StatementError, match="cannot be run"):
        publisher.arrow("DROP TABLE estimates")


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("marimo") is None, reason="the extra `notebooks` is not installed")
def test_the_notebook_comes_to_its_conclusion(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "notebooks" / "first_question.py", "--folder", folder],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "in conversion" in done.stdout

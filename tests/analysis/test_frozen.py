"""After an erasure an experiment that can no longer be counted says what it said, and keeps no reader by value."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from analysis.database import open_database
from analysis.erasure import forget_reader
from analysis.frozen import freeze, frozen, no_longer_countable
from analysis.retention import expire
from askwell.run import execute
from tests.analysis.test_erasure import KILLED, ROOT, forget, told
from tests.builders import TestPublisher, appeal_event, gift, pageview

LATER = datetime(2027, 3, 1, 9, tzinfo=UTC)
#: Gifts of readers whose rows retention took: the largest, the only one of its device, and two whose cell has one reader.
LONE = {987_654.0, 987_654.0**2, 45_678.0}


def run(publisher: TestPublisher) -> None:
    execute(publisher.folder / "askwell.toml", lambda *_: None, clock=lambda: LATER)


def answers(publisher: TestPublisher, sql: str) -> list[tuple[object, ...]]:
    with open_database(publisher.settings.folders.database) as database:
        return database.sql(sql).fetchall()


@pytest.fixture(scope="module")
def kept_long(tmp_path_factory: pytest.TempPathFactory) -> TestPublisher:
    """A test of October whose rows have been taken, and one that runs, with a reader who asks to be forgotten."""
    publisher = TestPublisher(tmp_path_factory.mktemp("frozen") / "publisher")
    publisher.register()
    publisher.register("running", starts="2027-02-01", planned_end="2027-02-28")
    old = [f"r{number}" for number in range(120)]
    publisher.land(
        "appeal_events",
        [appeal_event("10-05 12:00", reader, ("current", "thanks")[n % 2]) for n, reader in enumerate(old)]
        + [
            appeal_event("10-05 12:00", "lone", "thanks", device="tablet"),
            appeal_event("10-06 12:00", "other", "current"),
        ],
    )
    publisher.land("contributions", [gift("10-06 11:00", reader, 500 + n % 3) for n, reader in enumerate(old[:90])])
    publisher.land("contributions", [gift("10-06 11:00", "lone", 987_654), gift("10-06 13:00", "other", 45_678)])
    publisher.land("pageviews", [pageview("10-27 12:00", "r1")])
    recent = {"experiment_id": "running", "occurred_at": "2027-02-10T12:00:00Z"}
    publisher.land("appeal_events", [appeal_event("10-05 12:00", f"n{n}", **recent) for n in range(30)])
    run(publisher)
    publisher.settings_more += "\n[retention]\nappeal_events_days = 30\npayments_days = 30\npageviews_days = 30\n"
    publisher.write_settings()
    warehouse = publisher.warehouse
    with warehouse.writing():
        assert expire(warehouse, publisher.experiments, LATER)["appeal_events"] == 122
    run(publisher)
    return publisher


@pytest.fixture
def copied(kept_long: TestPublisher, tmp_path: Path) -> TestPublisher:
    shutil.copytree(kept_long.folder, tmp_path / "publisher", symlinks=True)
    return TestPublisher(tmp_path / "publisher", settings_more=kept_long.settings_more)


def test_no_byte_tells_the_gift_of_a_reader_whose_rows_retention_took(copied: TestPublisher) -> None:
    assert no_longer_countable(copied.warehouse) == {"thanks"}
    assert any("outcome_changes" in place for place in told(copied, LONE)), "the test must be able to find it"
    before = answers(
        copied, "SELECT metric, variant_id, n, x FROM variant_results WHERE experiment_id = 'thanks' ORDER BY ALL"
    )
    forget(copied, "n1")
    run(copied)
    assert told(copied, LONE) == []
    assert frozen(copied.warehouse) == {"thanks"}
    assert no_longer_countable(copied.warehouse) == set()
    after = answers(
        copied, "SELECT metric, variant_id, n, x FROM variant_results WHERE experiment_id = 'thanks' ORDER BY ALL"
    )
    assert after == before
    assert answers(copied, "SELECT verdict IS NOT NULL FROM decisions WHERE experiment_id = 'thanks'") == [(True,)]
    sums = "SELECT variant_id, s1 FROM sufficient_statistics WHERE experiment_id = 'thanks' AND metric = 'value' AND basis = 'exposed' " \
        "AND segment_kind = '{}' QUALIFY as_of = max(as_of) OVER () ORDER BY ALL"  # fmt: skip
    assert all(value is not None for _, value in answers(copied, sums.format("all"))), "sums over several givers stay"
    assert ("thanks", None) in answers(copied, sums.format("device")), "the cut with one giver goes whole"


def test_what_was_frozen_stays_from_edition_to_edition(copied: TestPublisher) -> None:
    forget(copied, "n1")
    run(copied)
    kept = answers(copied, "FROM sufficient_statistics WHERE experiment_id = 'thanks' ORDER BY ALL")
    recent = {"experiment_id": "running", "occurred_at": "2027-02-12T12:00:00Z"}
    copied.land("appeal_events", [appeal_event("10-05 12:00", "late", **recent)])
    run(copied)
    forget(copied, "n2")
    run(copied)
    assert len(copied.warehouse.editions()) >= 4
    assert answers(copied, "FROM sufficient_statistics WHERE experiment_id = 'thanks' ORDER BY ALL") == kept
    assert answers(copied, "SELECT DISTINCT reason FROM compare('thanks')") == [("not_kept",)]


def test_a_reader_of_whom_nothing_is_left_still_takes_the_cells_of_single_readers_away(copied: TestPublisher) -> None:
    forget(copied, "lone")
    run(copied)
    assert told(copied, LONE) == []


def test_a_call_that_is_killed_at_any_step_is_finished_by_the_same_call(copied: TestPublisher, tmp_path: Path) -> None:
    step, ended, seen = 0, 9, set()
    while ended:
        folder = tmp_path / str(step)
        shutil.copytree(copied.folder, folder, symlinks=True)
        script = KILLED.replace('"forget-me"', '"n1"').replace(
            "TestPublisher(Path(sys.argv[1]))", f"TestPublisher(Path(sys.argv[1]), settings_more={copied.settings_more!r})"
        )  # fmt: skip
        ended = subprocess.run([sys.executable, "-c", script, str(folder), str(step)], cwd=ROOT, check=False).returncode
        assert ended in (0, 9)
        tried = TestPublisher(folder, settings_more=copied.settings_more)
        warehouse = tried.warehouse
        seen.add((bool(frozen(warehouse)), bool(no_longer_countable(warehouse))))
        with warehouse.writing():
            forget_reader(warehouse, "n1")
        assert no_longer_countable(warehouse) == set(), step
        assert frozen(warehouse) == {"thanks"}, step
        (part,) = warehouse.parts("frozen_sufficient_statistics")
        assert pl.read_parquet(part.path).height > 10, step
        assert not any("outcome_changes" in place for place in told(tried, LONE)), step
        shutil.rmtree(folder)
        step += 9
    assert seen >= {(False, True), (True, False)}, "killed before it was kept, and after the histograms had gone"


def test_an_experiment_is_not_counted_again_from_what_retention_left_of_it(copied: TestPublisher) -> None:
    """Killed between keeping and discarding, and run before the call is made again: both stand, and what was kept tells."""
    warehouse = copied.warehouse
    with warehouse.writing():
        freeze(warehouse, {"thanks"})
    run(copied)
    counts = (
        "SELECT sum(n) FROM (FROM variant_results WHERE experiment_id = 'thanks' AND metric = 'conversion' "
        "AND basis = 'exposed' AND segment_kind = 'all' QUALIFY as_of = max(as_of) OVER ())"
    )
    assert answers(copied, counts) == [(122,)]


def test_the_database_stays_readable(copied: TestPublisher) -> None:
    forget(copied, "n1")
    run(copied)
    with duckdb.connect(str(copied.settings.folders.database), read_only=True) as database:
        assert database.sql("SELECT count(*) FROM lift('thanks', metric := 'conversion')").fetchall() == [(1,)]

"""Real processes, killed and starved: the next run finishes the work with the same result, and nothing is left behind."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from analysis.checking import files_out_of_balance
from tests.builders import TestPublisher, appeal_event, gift

ROOT = Path(__file__).resolve().parents[2]

#: A run as a process of its own, at a fixed moment, so that the result depends on the data alone.
RUN = """
import resource
import sys
from pathlib import Path
from analysis.errors import AskwellError
from askwell.run import execute
from tests.builders import NOW
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    execute(Path(sys.argv[1]), lambda *_: None, clock=lambda: NOW)
except AskwellError as problem:
    sys.exit(str(problem))
"""

TABLES = ("decisions", "estimates", "checks", "variant_results", "sufficient_statistics", "rows_per_day", "funnel")


def start(folder: Path, largest_file: int = resource.RLIM_INFINITY) -> subprocess.Popen[str]:
    """A run that can write no file larger than so many bytes."""
    environment = {**os.environ, "ASKWELL_HASH_KEY": "0123456789abcdef" * 2, "PYTHONPATH": str(ROOT)}
    environment.pop("DAGSTER_HOME", None)
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder / "askwell.toml"), str(largest_file)],
        cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run(folder: Path, largest_file: int = resource.RLIM_INFINITY) -> tuple[int, str]:
    process = start(folder, largest_file)
    _, said = process.communicate(timeout=300)
    return process.returncode, said


def result(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """Everything that the database says, and the words of the pages."""
    with duckdb.connect(str(folder / "askwell.duckdb"), read_only=True) as connection:
        found = {table: connection.sql(f"SELECT * FROM {table} ORDER BY ALL").fetchall() for table in TABLES}
    found["pages"] = [(str(page.relative_to(folder)),) for page in sorted((folder / "site").rglob("*.html"))]
    return found


def left_behind(folder: Path) -> list[str]:
    """Half files, and a lock that somebody holds."""
    found = [str(path) for path in folder.rglob("*") if path.name.endswith((".tmp", ".building", ".new"))]
    holder = TestPublisher(folder).warehouse.holder()
    return [*found, *([] if holder is None else [holder])]


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = TestPublisher(tmp_path_factory.mktemp("recovery") / "publisher")
    made.register()
    events = [
        appeal_event(f"10-{2 + number % 8:02d} 12:00", f"r{number}", ("current", "thanks")[number % 2])
        for number in range(400)
    ]
    made.land("appeal_events", [*events, appeal_event("10-27 12:00", "last")])
    made.land("contributions", [gift(f"10-{2 + n % 8:02d} 13:00", f"r{n}", 500 + n) for n in range(0, 400, 9)])
    return made.folder


@pytest.fixture(scope="module")
def undisturbed(landed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[object, ...]]]:
    folder = tmp_path_factory.mktemp("undisturbed") / "publisher"
    shutil.copytree(landed, folder)
    assert run(folder) == (0, "")
    return result(folder)


@pytest.fixture
def folder(landed: Path, tmp_path: Path) -> Path:
    shutil.copytree(landed, tmp_path / "publisher")
    return tmp_path / "publisher"


MOMENTS: dict[str, Callable[[Path], bool]] = {
    "the first part is being written": lambda folder: any((folder / "warehouse").rglob("*.parquet*")),
    "days are added up": lambda folder: (folder / "warehouse" / "daily_exposures").exists(),
    "evidence is weighed": lambda folder: (folder / "warehouse" / "estimates").exists(),
    "the database is being built": lambda folder: any(folder.glob("*askwell.duckdb*")),
    "the site is being built": lambda folder: any(folder.rglob("*.html")),
}


@pytest.mark.slow
@pytest.mark.parametrize("moment", list(MOMENTS) if os.environ.get("ASKWELL_CHAOS") else list(MOMENTS)[1::2])
def test_a_run_killed_when_(moment: str, folder: Path, undisturbed: dict[str, list[tuple[object, ...]]]) -> None:
    process = start(folder)
    deadline = time.monotonic() + 240
    while not MOMENTS[moment](folder):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    site = folder / "site"
    assert not site.exists() or (site / "index.html").exists(), "no half site is ever in place"
    assert run(folder) == (0, "")
    assert result(folder) == undisturbed
    assert left_behind(folder) == []
    assert files_out_of_balance(TestPublisher(folder).warehouse).is_empty()


@contextmanager
def disk(place: Path, kilobytes: int) -> Iterator[None]:
    """A disk of its own size at a place."""
    place.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "askwell-test", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk is refused here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def make_room(place: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=80m", str(place)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [300, 700, 1100, 2500, 4500] if os.environ.get("ASKWELL_CHAOS") else [700])
def test_one_disk_for_everything_that_is_full_is_said_in_a_sentence(
    kilobytes: int, landed: Path, tmp_path: Path, undisturbed: dict[str, list[tuple[object, ...]]]
) -> None:
    """Also where Dagster's history lies on the same disk and cannot be written either."""
    with disk(tmp_path / "disk", kilobytes):
        folder = tmp_path / "disk" / "publisher"
        shutil.copytree(landed, folder)
        code, said = run(folder)
        assert code == 1
        assert "space" in said or "full" in said, said
        assert "Traceback" not in said, said
        assert not (folder / "site").exists() or (folder / "site" / "index.html").exists()
        make_room(tmp_path / "disk")
        assert run(folder) == (0, "")
        assert result(folder) == undisturbed
        assert left_behind(folder) == []


@pytest.mark.slow
def test_a_full_disk_is_said_in_a_sentence_and_loses_nothing(
    folder: Path, undisturbed: dict[str, list[tuple[object, ...]]]
) -> None:
    with disk(folder / "warehouse", 150):
        code, said = run(folder)
        assert code == 1
        assert "space" in said or "full" in said, said
        assert "Traceback" not in said
        assert not (folder / "site").exists()
        make_room(folder / "warehouse")
        assert run(folder) == (0, "")
        assert result(folder) == undisturbed
        assert left_behind(folder) == []


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [2, 400, 1500] if os.environ.get("ASKWELL_CHAOS") else [400])
def test_files_that_may_not_grow_are_said_in_a_sentence_and_lose_nothing(
    kilobytes: int, folder: Path, undisturbed: dict[str, list[tuple[object, ...]]]
) -> None:
    """A full disk also where mounting a small one is refused."""
    code, said = run(folder, largest_file=kilobytes * 1024)
    assert code == 1
    assert "is the disk full" in said or "too large" in said, said
    assert "Traceback" not in said, said
    assert not (folder / "site").exists()
    assert run(folder) == (0, "")
    assert result(folder) == undisturbed
    assert left_behind(folder) == []

"""Spark counts the same integers as DuckDB: on a standalone cluster of a master and two workers, one of which dies.

One cluster serves all tests here. They are skipped where PySpark or Java is missing; `.ci/run` installs both.
"""

from __future__ import annotations

import re
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from analysis.cohorts import COHORT_TABLES, INPUT_TABLES, Common, Count
from analysis.duckdb_engine import DuckDBEngine
from analysis.errors import EngineError, SettingsError
from analysis.settings import employee_ids, read_settings
from analysis.spark_engine import SparkEngine, in_spark, spark_engine
from analysis.spark_files import PartFiles
from askwell.doctor import examine
from bench.cluster import Cluster
from tests.builders import TestPublisher, appeal_event, gift, pageview

pyspark = pytest.importorskip("pyspark", reason="the extra askwell[spark] is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("java") is None, reason="Java is not installed"),
]

AS_OF = date(2026, 10, 27)

METRICS = """
[[guardrails]]
metric = "pageviews"
margin = 0.02
[metrics.sport_pages]
direction = "more_is_better"
window_days = 3
numerator = { rows = "pageviews", section = "sport" }
[metrics.few_pages]
direction = "more_is_better"
cap = 3
numerator = { rows = "pageviews", has_article = true }
[metrics.clicks_per_view]
direction = "more_is_better"
numerator = { rows = "appeal_events", event = "clicked" }
denominator = { rows = "appeal_events", event = "viewed" }
[metrics.regular]
direction = "more_is_better"
numerator = { rows = "contributions", sum = "cash", product = ["gift", "membership"], recurrence = ["monthly", "annual"] }
[metrics.a_year]
direction = "more_is_better"
numerator = { rows = "contributions", sum = "twelve_months" }
"""


def appeals(reader: str, number: int, moment: str, day: int) -> list[dict[str, Any]]:
    """What a reader met in both experiments; every eleventh met another wording later, on an article of both."""
    found = []
    for experiment in ("thanks", "seen"):
        variant = ("current", "thanks")[(number + len(experiment)) % 2]
        steps = ["inserted", "viewed", "clicked", "dismissed", "eligible"][: 1 + number % 5]
        more = {
            "experiment_id": experiment,
            "device": ("mobile", "desktop", None)[number % 3],
            "reader_type": ("new", "returning", "subscriber", None)[number % 4],
            "article_id": f"a{number % 7}",
        }
        found += [appeal_event(moment, reader, variant, step, **more) for step in steps]
        if number % 11 == 0:
            found.append(appeal_event(f"10-{day + 2:02} 10:00", reader, "current", experiment_id=experiment))
    return found


def gifts(reader: str, number: int, moment: str, day: int) -> list[dict[str, Any]]:
    """A gift, another in the very second in which the window ends, a part refund, and a refund of all and more."""
    paid: dict[str, Any] = {
        "currency": ("GBP", "EUR")[number % 2],
        "recurrence": ("once", "monthly", "annual")[number // 3 % 3],
        "product": ("gift", "membership", "subscription")[number % 5 % 3],
        "contribution_id": f"g{number}",
    }
    form = {"experiment_id": "thanks", "variant_id": ("current", "thanks")[number // 3 % 2]} if number % 4 == 0 else {}
    found = [
        gift(moment, reader, 301 + number, **paid, **form),
        gift(f"10-{day + 7:02} {moment[6:]}", reader, 700, status=("settled", "failed")[number // 3 % 2]),
        gift(f"09-{day + 10:02} 09:00", f"r{number + 1}", 100),
    ]
    for back in range(number % 4):
        refunded = {**paid, "contribution_id": f"b{number}-{back}", "refund_of": f"g{number}"}
        found.append(gift(f"10-{day + 3 + back:02} 12:00", reader, 151, **refunded))
    return found


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> TestPublisher:
    """Readers on both sides of every edge that the statements know; a folder whose name Spark could take for a pattern."""
    made = TestPublisher(tmp_path_factory.mktemp("spark") / "a {b}, c", zone="America/New_York")
    (made.folder / "employees.txt").write_text("r7\nr24\n", encoding="utf-8")
    made.settings_more = """
[readers]
several_variants = "exclude"
overlap = "count"
employees = "exclude"
employees_file = "employees.txt"
most_pageviews_a_day = 10
[outcomes]
monthly_retention = 0.9
"""
    made.register(
        more='secondary_metrics = ["return_7_days", "bounce"]\ncovariates = ["visits_before"]', tables=METRICS
    )
    made.register(
        "seen",
        more='exposure = "viewed"',
        tables="""
[[allocation]]
starts_at = 2026-10-01T00:00:00
shares = { current = 9, thanks = 1 }
[[allocation]]
starts_at = 2026-10-06T09:00:00
shares = { current = 1, thanks = 1 }
""",
    )
    made.register("unseen")
    made.rates(
        "date,currency,rate,source\n2026-09-01,EUR,0.83,test\n2026-10-04,EUR,0.83,test\n2026-10-09,EUR,0.91,test\n"
    )
    events, paid, views = [appeal_event("10-27 12:00", "closing")], [], []
    for number in range(240):
        reader, day = f"r{number}", 3 + number % 9
        moment = f"10-{day:02} {number % 24:02}:{number % 60:02}"
        events += appeals(reader, number, moment, day)
        views += [
            pageview(f"10-{day + after:02} 23:{number % 60:02}", reader, section=("sport", "world")[after % 4 // 2])
            for after in range(0, 9, 2)
            for _ in range(11 if number % 40 == 1 else 1 + number % 3)
        ]
        if number % 3 == 0:
            paid += gifts(reader, number, moment, day)
    paid += [gift("10-05 13:00", None, experiment_id="thanks", variant_id="thanks")]
    made.land("appeal_events", events)
    made.land("contributions", paid)
    made.land("pageviews", views)
    links = [
        {
            "occurred_at": "2026-10-05T12:00:00Z",
            "reader_id": f"r{one}",
            "linked_id": f"r{one + 1}",
            "linked_kind": "account",
        }
        for one in range(0, 60, 6)
    ]
    made.land("identity_links", links)
    made.statistics()
    return made


@pytest.fixture(scope="module")
def common(publisher: TestPublisher) -> Common:
    settings = publisher.settings
    return Common(settings, publisher.warehouse.parts("persons"), employee_ids(settings))


@pytest.fixture(scope="module")
def counts(publisher: TestPublisher, common: Common) -> list[Count]:
    parts = {table: publisher.warehouse.parts(table) for table in INPUT_TABLES}
    return [Count.of(experiment, common, AS_OF, parts) for experiment in publisher.experiments]


@pytest.fixture(scope="module")
def by_duckdb(publisher: TestPublisher, common: Common, counts: list[Count]) -> dict[str, pl.DataFrame]:
    with publisher.warehouse.compute() as connection:
        found = DuckDBEngine(connection, common).count(counts)
    assert {name: frame.is_empty() for name, frame in found.items()} == dict.fromkeys(COHORT_TABLES, False)
    return found


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"), workers=2)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def on_spark(publisher: TestPublisher, cluster: Cluster) -> TestPublisher:
    publisher.settings_more += machine(cluster.url)
    publisher.write_settings()
    return publisher


@pytest.fixture(scope="module")
def spark(on_spark: TestPublisher, common: Common) -> Iterator[SparkEngine]:
    with spark_engine(replace(common, settings=on_spark.settings)) as engine:
        yield engine


#: A few hundred readers are not worth compiling for.
QUICK_START = """
"spark.sql.codegen.wholeStage" = "false"
"spark.sql.codegen.factoryMode" = "NO_CODEGEN"
"spark.driver.extraJavaOptions" = "-XX:TieredStopAtLevel=1"
"spark.executor.extraJavaOptions" = "-XX:TieredStopAtLevel=1"
"""


def machine(url: str) -> str:
    return f"""
[machine]
engine = "spark"
spark_master = "{url}"
[machine.spark]
"spark.driver.host" = "127.0.0.1"
"spark.driver.bindAddress" = "127.0.0.1"
"spark.executor.memory" = "500m"
"spark.sql.shuffle.partitions" = "2"
{QUICK_START}
"""


def same(found: dict[str, pl.DataFrame], expected: dict[str, pl.DataFrame]) -> None:
    assert list(found) == list(expected)
    for table, frame in expected.items():
        assert_frame_equal(found[table], frame)


def started(common: Common) -> None:
    with spark_engine(common):
        pass


def test_a_cluster_without_workers_is_told(common: Common, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lonely = Cluster(tmp_path, workers=0)
    other = TestPublisher(tmp_path / "other", settings_more=machine(lonely.url))
    monkeypatch.setattr("analysis.spark_engine._WORKER_SECONDS", 2)
    try:
        with pytest.raises(EngineError, match=r"No worker of spark://\S+ took the work within 2 seconds"):
            started(replace(common, settings=other.settings))
    finally:
        lonely.stop()


def test_a_run_on_a_cluster_of_two_workers_writes_the_parts_that_duckdb_writes(
    on_spark: TestPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parts() -> dict[tuple[str, str], pl.DataFrame]:
        warehouse = on_spark.warehouse
        return {
            (table, part.scope): pl.read_parquet(part.path)
            for table in COHORT_TABLES
            for part in warehouse.parts(table)
        }

    before = parts()
    monkeypatch.setattr("analysis.outcomes.DEFINITIONS", 99)  # nothing counts as computed already
    monkeypatch.setattr("analysis.outcomes.DuckDBEngine", type("NotHere", (), {}))
    on_spark.statistics()
    after = parts()
    assert before.keys() == after.keys()
    assert {experiment for _, experiment in after} == {"thanks", "seen", "unseen"}
    for key, frame in before.items():
        assert_frame_equal(after[key], frame)


def test_a_worker_killed_in_the_middle_of_a_job_changes_nothing(
    spark: SparkEngine,
    cluster: Cluster,
    counts: list[Count],
    by_duckdb: dict[str, pl.DataFrame],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tracker = spark.session.sparkContext.statusTracker()
    killed: list[int] = []

    def kill_when_tasks_run() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            stages = (tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds())
            running = sum(stage.numActiveTasks for stage in stages if stage is not None)
            if running:
                cluster.kill_a_worker()
                killed.append(running)
                return
            time.sleep(0.02)

    first_table = SparkEngine.table

    def table(engine: SparkEngine, name: str, values: dict[str, int | bool]) -> pl.DataFrame:
        if name == "outcome_changes":  # the merged readers are kept in the workers' memory by now, and half of them go
            threading.Thread(target=kill_when_tasks_run).start()
        return first_table(engine, name, values)

    monkeypatch.setattr(SparkEngine, "table", table)
    same(spark.count(counts), by_duckdb)
    assert len(killed) == 1
    driver_and_executors: Any = tracker._jtracker.getExecutorInfos()  # pyright: ignore[reportOptionalCall]
    assert len(driver_and_executors) == 2


def test_workers_read_copies_where_a_store_is_named(
    spark: SparkEngine, common: Common, counts: list[Count], tmp_path: Path
) -> None:
    store, warehouse = tmp_path / "a store", common.settings.folders.warehouse
    gone = store / "daily_visits" / "2026-10-03" / "0123abcd.parquet"
    foreign = store / "notes.txt"
    gone.parent.mkdir(parents=True)
    gone.write_bytes(b"of a reader who was erased")
    foreign.write_text("not ours", encoding="utf-8")
    machine = common.settings.machine.model_copy(update={"spark_warehouse": f"file://{store}/"})
    settings = replace(common.settings, machine=machine)
    parts = counts[0].parts["daily_visits"]
    files = PartFiles(spark.session, settings)
    assert not gone.exists()
    assert foreign.exists()
    copies = [store / part.path.relative_to(warehouse) for part in parts]
    assert files.urls(parts) == [f"file://{copy}" for copy in copies]
    copies[0].write_bytes(copies[0].read_bytes()[:10])  # the copying was cut off
    assert files.urls(parts) == [f"file://{copy}" for copy in copies]
    assert [copy.read_bytes() for copy in copies] == [part.path.read_bytes() for part in parts]
    frame = spark.session.read.parquet(*files.urls(parts))
    assert frame.count() == sum(part.rows for part in parts)


def test_parts_that_a_worker_cannot_read_are_named(spark: SparkEngine, counts: list[Count], tmp_path: Path) -> None:
    part = counts[0].parts["daily_exposures"][0]
    elsewhere = replace(part, path=Path(shutil.copy(part.path, tmp_path)))
    moved = replace(counts[0], parts={**counts[0].parts, "daily_exposures": [elsewhere]})
    read = spark.read

    def read_and_lose(batch: list[Count]) -> None:
        read(batch)
        elsewhere.path.unlink()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spark, "read", read_and_lose)
        with pytest.raises(EngineError, match=re.escape(f"cannot read {elsewhere.path}")):
            spark.count([moved])


@pytest.fixture
def lone(tmp_path: Path) -> TestPublisher:
    return TestPublisher(tmp_path / "lone", settings_more=machine("local[1]"))


def said_by_a_run_and_the_doctor(publisher: TestPublisher) -> tuple[str, str]:
    """The sentences with which both refuse."""
    with pytest.raises(SettingsError) as told:
        started(Common(publisher.settings, [], []))
    found = {finding.subject: finding for finding in examine(publisher.folder, datetime(2026, 11, 1, tzinfo=UTC))}
    assert found["engine"].state == "wrong"
    return str(told.value), found["engine"].found


def test_a_master_that_does_not_answer_is_told_by_a_run_and_by_the_doctor(lone: TestPublisher) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"spark://127.0.0.1:{unused.getsockname()[1]}"
    lone.settings_more = machine(url)
    lone.write_settings()
    for sentence in said_by_a_run_and_the_doctor(lone):
        assert f"machine.spark_master = '{url}'" in sentence
        assert "nothing answers there within 5 seconds" in sentence


@pytest.mark.parametrize("library", ["pyspark", "sqlglot"])
def test_a_missing_library_is_told(lone: TestPublisher, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    for sentence in said_by_a_run_and_the_doctor(lone):
        assert "machine.engine = " in sentence
        assert f"{library} is not installed" in sentence
        assert "make .venv/.installed-spark" in sentence


def test_missing_java_is_told(lone: TestPublisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    for sentence in said_by_a_run_and_the_doctor(lone):
        assert "machine.engine = " in sentence
        assert "Java 17 or newer, and none was found" in sentence


def test_an_old_java_is_told(lone: TestPublisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "java" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_392\"' >&2\n", encoding="utf-8")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "java"))
    for sentence in said_by_a_run_and_the_doctor(lone):
        assert "machine.engine = " in sentence
        assert "Java 17 or newer, and 8 was found" in sentence


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('engine = "spark"', "needs spark_master"),
        ('engine = "flink"', "'duckdb' or 'spark'"),
        ('spark_master = "http://host:7077"', "must be the address of a cluster: spark://host:7077"),
        ('spark_warehouse = "/a/folder"', "must be the URL of a folder that workers reach, such as s3a://"),
    ],
)
def test_settings_that_no_cluster_could_have_are_refused(lone: TestPublisher, text: str, words: str) -> None:
    lone.settings_more = f"[machine]\n{text}\n"
    lone.write_settings()
    with pytest.raises(SettingsError, match=words):
        read_settings(lone.folder)


def test_a_parameter_without_a_value_is_refused() -> None:
    with pytest.raises(KeyError, match="low"):
        in_spark("SELECT $low", {})

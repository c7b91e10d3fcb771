"""Counting on a Spark cluster that reads the same Parquet; only the small cohort tables come back.

The statements are the files of `sql/`, translated by sqlglot. Spark merges the readers of all experiments at once. A worker
that dies is Spark's affair: every relation can be made again from the parts. PySpark and sqlglot are imported here and
nowhere else, and only where `machine.engine` is "spark".
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from analysis.cohorts import (
    COHORT_TABLES,
    INPUTS,
    OF_A_RANGE,
    OF_ALL_READERS,
    Common,
    Count,
    added_up,
    bounds,
    by_last_day,
    parameters,
    seen,
    together,
)
from analysis.errors import EngineError, Mistake, SettingsError
from analysis.inputs import columns_of, no_rows
from analysis.queries import named_in, query
from analysis.settings import Settings
from analysis.spark_files import PartFiles
from analysis.store import Part

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

#: Relations that several statements read and that are dear to make again.
_KEPT = ("merged_readers", "gift_movements")

_FIRST_JAVA = 17
_MASTER_SECONDS = 5.0
_WORKER_SECONDS = 60


@contextmanager
def spark_engine(common: Common) -> Iterator[SparkEngine]:
    """A session on the cluster of `machine.spark_master`, ended on the way out.

    Raises:
        SettingsError: something that a session needs is missing, or the master does not answer.
        EngineError: the session cannot be started.
    """
    require_cluster(common.settings)
    from pyspark.sql import SparkSession

    master = common.settings.machine.spark_master
    builder = SparkSession.builder.master(str(master)).appName("Askwell")
    for name, value in _configuration(common.settings).items():
        builder = builder.config(name, value)
    with _in_a_sentence(common.settings):
        session = builder.getOrCreate()
    try:
        with _in_a_sentence(common.settings):
            _await_worker(session, str(master))
            engine = SparkEngine(session, common)
        yield engine
    finally:
        with _in_a_sentence(common.settings):
            session.stop()


@contextmanager
def _in_a_sentence(settings: Settings) -> Iterator[None]:
    """What Spark raises, as an `EngineError`."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError, ConnectionError) as problem:  # the last where Spark's own process has died
        raise EngineError(_told(problem, settings)) from None


def require_cluster(settings: Settings) -> str:
    """Look for all that a session needs, without starting one; return what was found, in a few words.

    Raises:
        SettingsError: PySpark, sqlglot or Java is missing, or nothing answers at the address of the master.
    """
    for library in ("pyspark", "sqlglot"):
        if importlib.util.find_spec(library) is None:
            raise _refused(
                settings, "engine", f"{library} is not installed; run in Askwell's folder: make .venv/.installed-spark"
            )
    java = _java_version()
    if java is None or java < _FIRST_JAVA:
        here = "none was found" if java is None else f"{java} was found"
        raise _refused(
            settings,
            "engine",
            f"Spark needs Java {_FIRST_JAVA} or newer, and {here}; install it (Debian, Ubuntu: apt install "
            "openjdk-17-jre-headless) or set JAVA_HOME",
        )
    master = str(settings.machine.spark_master)
    addresses = re.findall(r"([^,:/\s]+):(\d+)", master.removeprefix("spark://")) if master.startswith("spark:") else []
    if addresses and not any(_answers(host, int(port)) for host, port in addresses):
        raise _refused(
            settings,
            "spark_master",
            f"nothing answers there within {_MASTER_SECONDS:.0f} seconds; start the cluster, or write the address that "
            "its master shows on its page",
        )
    return f"Spark at {master}, Java {java}"


def _refused(settings: Settings, key: str, why: str) -> SettingsError:
    return SettingsError(settings.file, [Mistake(f"machine.{key}", repr(getattr(settings.machine, key)), why)])


def _java_version() -> int | None:
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if java is None or not Path(java).exists():
        return None
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S603
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found.group(1)) if found else None


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=_MASTER_SECONDS):
            return True
    except OSError:
        return False


def _configuration(settings: Settings) -> dict[str, str]:
    return {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        **settings.machine.spark,
        # The numbers stand on these: moments are UTC, and a sum that does not fit is an error.
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
    }


def _await_worker(session: SparkSession, master: str) -> None:
    """Return once a worker has taken the session; without one a job would wait for ever, and say nothing.

    Raises:
        EngineError: none did in time.
    """
    from py4j.protocol import Py4JError

    context = session.sparkContext
    context.setJobGroup("askwell", "Askwell asks whether a worker is there", interruptOnCancel=True)
    done, late = threading.Event(), threading.Event()

    def cancel_when_late() -> None:
        if not done.wait(_WORKER_SECONDS):
            late.set()
            while not done.wait(1.0):  # again and again: what is not submitted yet cannot be cancelled
                context.cancelJobGroup("askwell")

    watch = threading.Thread(target=cancel_when_late, daemon=True)
    watch.start()
    try:
        session.range(1).write.format("noop").mode("overwrite").save()
    except Py4JError:
        if not late.is_set():
            raise
        raise EngineError(
            f"No worker of {master} took the work within {_WORKER_SECONDS} seconds: start workers, or ask in [machine.spark] "
            "for no more memory and cores (spark.executor.memory, spark.executor.cores) than one of them has free."
        ) from None
    finally:
        done.set()
        watch.join()
    context.setJobGroup("askwell", "Askwell counts cohorts")


def _told(problem: Exception, settings: Settings) -> str:
    master = settings.machine.spark_master
    causes = _causes(problem)
    missing = re.search(r"file:/*(/[^\n]+?\.parquet)", "\n".join(causes))
    if missing and "exist" in causes[-1]:
        return (
            f"A worker of {master} cannot read {missing.group(1)}: the warehouse folder must stand under the same path on "
            "every worker, or spark_warehouse name a store that all of them reach (docs/cluster.md)."
        )
    return f"The Spark cluster at {master} failed: {causes[-1].splitlines()[0]}"


def _causes(problem: Exception) -> list[str]:
    """What went wrong and what made it do so, the root of it last."""
    causes = []
    cause: Any = getattr(problem, "java_exception", None)
    while cause is not None:
        causes.append(cause.toString())
        cause = cause.getCause()
    return causes or [str(problem) or repr(problem)]


class SparkEngine:
    """On a cluster, all experiments at once: what is shared out among workers are the readers."""

    def __init__(self, session: SparkSession, common: Common) -> None:
        self.session = session
        self._common = common
        self._files = PartFiles(session, common.settings)

    def batches(self, counts: Sequence[Count]) -> Iterator[Sequence[Count]]:
        """One batch a last counted day."""
        yield from by_last_day(counts)

    def count(self, batch: Sequence[Count]) -> dict[str, pl.DataFrame]:
        """The tables of `COHORT_TABLES`, as on DuckDB.

        Raises:
            EngineError: the cluster failed.
        """
        with _in_a_sentence(self._common.settings):
            return self._count(batch)

    def _count(self, batch: Sequence[Count]) -> dict[str, pl.DataFrame]:
        self.read(batch)
        values = parameters(self._common.settings)
        kept: list[DataFrame] = []
        try:
            for name in (*OF_ALL_READERS, *OF_A_RANGE):
                frame = self.session.sql(in_spark(query(name), values))
                if name in _KEPT:
                    kept.append(frame.persist())
                frame.createOrReplaceTempView(name)
            return {name: self.table(name, values) for name in COHORT_TABLES}
        finally:
            for frame in kept:
                frame.unpersist()

    def read(self, batch: Sequence[Count]) -> None:
        """Make views of all that the statements read of a batch; nothing is read yet."""
        self._stored("persons", "persons", self._common.persons)
        for name, (table, _) in INPUTS.items():
            self._stored(f"stored_{name}", table, together(batch, name))
            self.session.sql(seen(name, "unix_micros({})", self._common)).createOrReplaceTempView(name)
        for name, frame in bounds(batch, self._common).items():
            self.session.createDataFrame(frame.to_arrow()).createOrReplaceTempView(name)

    def _stored(self, view: str, table: str, parts: Sequence[Part]) -> None:
        """A view over parts of a table; columns that a part is too old for are null."""
        if parts:
            schema = ", ".join(f"{name} {_in_words_of_spark(kind)}" for name, kind in columns_of(table).items())
            frame = self.session.read.schema(schema).parquet(*self._files.urls(parts))
        else:
            frame = self.session.sql(in_spark(no_rows(table), {}))
        frame.createOrReplaceTempView(view)

    def table(self, name: str, values: Mapping[str, int | bool]) -> pl.DataFrame:
        """One of the `COHORT_TABLES`, brought back from the cluster."""
        found = pl.DataFrame(self.session.sql(in_spark(query(name), values)).toArrow())
        return added_up(name, [found])


def _in_words_of_spark(kind: str) -> str:
    return "STRING" if kind == "VARCHAR" else kind


def in_spark(statement: str, values: Mapping[str, int | bool]) -> str:
    """The statement in Spark's words, with values in place of its parameters.

    Raises:
        KeyError: a parameter has no value.
    """
    return _translated(statement, tuple(named_in(statement, values).items()))


@cache
def _translated(statement: str, values: tuple[tuple[str, int | bool], ...]) -> str:
    import sqlglot
    from sqlglot import exp

    bound = dict(values)

    def with_value(node: Any) -> Any:
        return _literal(bound[node.name]) if isinstance(node, (exp.Parameter, exp.Placeholder)) else node

    tree = sqlglot.parse_one(statement, read="duckdb").transform(with_value)
    return tree.sql(dialect="spark", comments=False, unsupported_level=sqlglot.ErrorLevel.RAISE)


def _literal(value: int | bool) -> Any:
    from sqlglot import exp

    if isinstance(value, bool):
        return exp.true() if value else exp.false()
    if value == -(2**63):  # its digits without the sign are one too many for a literal
        return exp.paren(exp.Sub(this=_literal(value + 1), expression=exp.Literal.number(1)))
    return exp.cast(exp.Literal.number(value), "BIGINT")

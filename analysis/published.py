"""For notebooks: a publisher's edition as Polars frames. Everything here reads; nothing can change what was published.

    from analysis.published import open_publisher

    with open_publisher("demo") as publisher:
        publisher.compare("thanks", metric="value")

Frames come from DuckDB through Arrow; `arrow` hands the Arrow table itself on, from which pandas and others read without
another copy where their types allow it. Money is in minor units of `publisher.currency`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Literal

import duckdb
import polars as pl
import pyarrow as pa

from analysis.database import edition_file, events_gone, open_database
from analysis.errors import AskwellError
from analysis.queries import query
from analysis.settings import read_settings
from analysis.store import Warehouse

Metric = Literal["conversion", "value", "value_uncapped"]


class StatementError(AskwellError):
    """A statement that DuckDB refuses; its own first lines say why."""


def open_publisher(folder: Path | str = ".", *, edition: int | None = None) -> Published:
    """Open the newest edition of the publisher whose `askwell.toml` lies in a folder, or an earlier one.

    Args:
        folder: The folder, or the settings file itself.
        edition: Number of an earlier edition; its events answer for the grace period.

    Raises:
        SettingsError: there are no settings, or they cannot be used.
        NothingToReport: nothing was published yet.
        WarehouseError: the edition is unknown or its file is gone; the message says what still answers.
    """
    settings = read_settings(Path(folder))
    path = settings.folders.database if edition is None else edition_file(Warehouse(settings), edition)
    return Published(open_database(path))


class Published:
    """One edition, open for reading. It stays the same edition while newer ones are published; open anew for those."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def __enter__(self) -> Published:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()

    @property
    def currency(self) -> str:
        """ISO 4217 code of the reporting currency.

        >>> publisher.currency
        'GBP'
        """
        return str(self.sql("SELECT reporting_currency FROM publisher").item())

    def sql(self, statement: str, parameters: Mapping[str, object] | None = None) -> pl.DataFrame:
        """Return the rows of a statement; values are bound by name (`$experiment`), never written into the text.

        >>> publisher.sql("SELECT verdict FROM decisions WHERE experiment_id = $id", {"id": "thanks"}).width
        1

        Raises:
            StatementError: DuckDB refuses it.
            EventsGone: the event files behind a view are no longer there.
        """
        try:
            return self.connection.sql(statement, params=dict(parameters) if parameters else None).pl()
        except duckdb.Error as problem:
            raise events_gone(problem) or StatementError(f"The statement cannot be run: {problem}") from None

    def arrow(self, statement: str, parameters: Mapping[str, object] | None = None) -> pa.Table:
        """Return the rows as an Arrow table, which pandas, Polars and others take over without copying.

        >>> publisher.arrow("SELECT count(*) AS readers FROM reader_outcomes").column_names
        ['readers']

        Raises:
            StatementError: DuckDB refuses it.
            EventsGone: the event files behind a view are no longer there.
        """
        try:
            relation = self.connection.sql(statement, params=dict(parameters) if parameters else None)
            return relation.to_arrow_table()
        except duckdb.Error as problem:
            raise events_gone(problem) or StatementError(f"The statement cannot be run: {problem}") from None

    def experiments(self) -> pl.DataFrame:
        """Return one row per experiment: as registered, with its verdict (absent before its first day has ended).

        >>> publisher.experiments().select("experiment_id", "control_id").row(0)
        ('thanks', 'current')
        """
        return self.sql(query("notebooks/experiments"))

    def reader_outcomes(self, experiment: str) -> pl.DataFrame:
        """Return one row per exposed reader of an experiment: variant, first day, segments, what was given.

        Columns as in the view `reader_outcomes`; `value_minor` capped, `value_uncapped_minor` not.

        >>> publisher.reader_outcomes("thanks").group_by("variant_id").len().height
        2
        """
        return self.sql(query("notebooks/reader_outcomes"), {"experiment": experiment})

    def compare(
        self,
        experiment: str,
        *,
        metric: Metric = "conversion",
        device: str | None = None,
        reader_type: str | None = None,
        from_day: date | None = None,
        to_day: date | None = None,
    ) -> pl.DataFrame:
        """Return one row per variant other than the control, over any cut of the readers, by the report's formulas.

        `low` and `high` are limits of the lift that hold however often one looks; a number that cannot be known is null,
        and `reason` says why. A cut chosen after looking is exploratory, whatever its range.

        >>> row = publisher.compare("thanks", device="mobile").row(0, named=True)
        >>> row["low"] < row["lift"] < row["high"]
        True

        Source: docs/methods/anytime-evidence.md; the macro `compare` of the database.
        """
        return self.sql(
            query("notebooks/compare"),
            {
                "experiment": experiment,
                "metric": metric,
                "device": device,
                "reader_type": reader_type,
                "from_day": from_day,
                "to_day": to_day,
            },
        )

    def segments(self, experiment: str, *, metric: str = "conversion") -> pl.DataFrame:
        """Return the published comparisons by segment on the last day; columns as in `estimates`.

        >>> sorted(set(publisher.segments("thanks")["segment_kind"]))
        ['device', 'reader_type']
        """
        return self.sql(query("notebooks/segments"), {"experiment": experiment, "metric": metric})

    def evidence(self, experiment: str, *, metric: str = "value") -> pl.DataFrame:
        """Return the published comparisons of every day so far, oldest first; columns as in `estimates`.

        >>> publisher.evidence("thanks")["as_of"].is_sorted()
        True
        """
        return self.sql(query("notebooks/evidence"), {"experiment": experiment, "metric": metric})

    def daily(self, experiment: str) -> pl.DataFrame:
        """Return one row per day and variant: readers, contributors and value (minor units) gained, and so far.

        >>> publisher.daily("thanks")["readers"].sum() == publisher.reader_outcomes("thanks").height
        True
        """
        return self.sql(query("notebooks/daily"), {"experiment": experiment})

"""What one would do without Askwell: a query an experiment over all accepted events, in each tool that people reach for.

Each answers much less than the pipeline does (one basis, no day before the last, no segments, no funnel), and must find
the same integers for what it answers. `tea_tasting` goes further by its comparisons, which are cheap beside the counting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl

from analysis.cohorts import last_counted_day
from analysis.contract import Kind
from analysis.money import to_minor
from analysis.store import read_parts
from bench.workspace import Workspace

_READERS = (Path(__file__).parent / "sql" / "plain_readers.sql").read_text(encoding="utf-8")
_KINDS: tuple[Kind, ...] = ("pageviews", "appeal_events", "contributions")

_SUMS = """
SELECT variant_id, count(*) AS n, sum(converted)::BIGINT AS contributors, sum(value)::BIGINT AS s1,
    sum(value * value)::BIGINT AS s2, sum(pages)::BIGINT AS pages, sum(pages * pages)::BIGINT AS pages2
FROM ({readers}) GROUP BY variant_id
"""

#: n, contributors, value and its square, pageviews and their square, for each variant of each experiment.
COLUMNS = ["experiment_id", "variant_id", "n", "contributors", "s1", "s2", "pages", "pages2"]


@dataclass(frozen=True)
class Question:
    """What is asked of one experiment."""

    experiment_id: str
    control: str
    exposure: str
    starts: date
    planned_end: date
    counted_to: date
    window: timedelta
    refund: timedelta
    cap: int
    guards_pageviews: bool

    @property
    def parameters(self) -> dict[str, object]:
        """The parameters of `sql/plain_readers.sql`."""
        return {
            "experiment": self.experiment_id,
            "exposure": self.exposure,
            "starts": self.starts,
            "planned_end": self.planned_end,
            "counted_to": self.counted_to,
            "window_hours": self.window // timedelta(hours=1),
            "refund_days": self.refund.days,
            "cap": self.cap,
            "guards_pageviews": self.guards_pageviews,
        }


def questions(workspace: Workspace, as_of: date) -> list[Question]:
    """One for every experiment that had started."""
    settings = workspace.settings
    found = []
    for experiment in workspace.experiments:
        cap = settings.cap(experiment)
        found.append(
            Question(
                experiment_id=experiment.id,
                control=experiment.control,
                exposure=experiment.exposure,
                starts=experiment.starts,
                planned_end=experiment.planned_end,
                counted_to=last_counted_day(experiment, settings, as_of),
                window=timedelta(hours=settings.window_hours(experiment)),
                refund=timedelta(days=settings.outcomes.refund_days),
                cap=2**62 if cap is None else to_minor(cap, settings.publisher.reporting_currency),
                guards_pageviews=any(guardrail.metric == "pageviews" for guardrail in experiment.guardrails),
            )
        )
    return [question for question in found if question.starts <= as_of]


def plain_sql(workspace: Workspace, as_of: date) -> pl.DataFrame:
    """DuckDB, one statement an experiment."""
    with _views(workspace) as connection:
        return _together(
            (asked, connection.sql(_SUMS.format(readers=_READERS), params=asked.parameters).pl())
            for asked in questions(workspace, as_of)
        )


def tea_tasting(workspace: Workspace, as_of: date) -> pl.DataFrame:
    """tea-tasting over DuckDB: the same readers as a relation, aggregated in the database, compared with the control.

    It gives means, not sums: contributors and value are these times the readers, rounded.
    """
    import tea_tasting as tt

    rows = []
    with _views(workspace) as connection:
        for asked in questions(workspace, as_of):
            means = ("converted", "value", *(["pages"] if asked.guards_pageviews else []))
            compared = tt.Experiment(
                {name: tt.Mean(name) for name in means}, readers=tt.SampleRatio(), variant="variant_id"
            ).analyze(connection.sql(_READERS, params=asked.parameters), control=asked.control, all_variants=True)
            for (control, variant), result in compared.items():
                for name, side in ((variant, "treatment"), *([(control, "control")] if variant == "v1" else [])):
                    n = getattr(result["readers"], side)
                    sums = [round(getattr(result[metric], side) * n) for metric in means]
                    rows.append((asked.experiment_id, name, n, *sums, *([] if asked.guards_pageviews else [0])))
    schema = ["experiment_id", "variant_id", "n", "contributors", "s1", "pages"]
    return pl.DataFrame(rows, schema=schema, orient="row").sort("experiment_id", "variant_id")


def polars(workspace: Workspace, as_of: date) -> pl.DataFrame:
    """Polars, lazily and with its streaming engine."""
    pages, events, gifts = (
        pl.scan_parquet([part.path for part in workspace.warehouse.parts(kind)], hive_partitioning=False)
        for kind in _KINDS
    )
    payments = gifts.filter(pl.col("status") == "settled")
    return _together(
        (asked, _by_polars(asked, pages, events, payments).collect(engine="streaming"))
        for asked in questions(workspace, as_of)
    )


def _by_polars(asked: Question, pages: pl.LazyFrame, events: pl.LazyFrame, payments: pl.LazyFrame) -> pl.LazyFrame:
    person = pl.col("reader_key").is_not_null() & ~pl.col("is_bot").fill_null(value=False)
    first = (
        events.filter(
            person,
            pl.col("experiment_id") == asked.experiment_id,
            pl.col("event") == asked.exposure,
            pl.col("day").is_between(asked.starts, asked.counted_to),
        )
        .group_by("reader_key")
        .agg(
            pl.col("occurred_at").min().alias("asked_at"),
            pl.col("variant_id").get(pl.col("occurred_at").arg_min()),
            pl.col("day").min().alias("first_day"),
        )
        .filter(pl.col("first_day") <= asked.planned_end)
    )
    counted = payments.filter(pl.col("day") <= asked.counted_to)
    gifts = (
        counted.filter(pl.col("refund_of").is_null())
        .join(first, on="reader_key")
        .filter(pl.col("occurred_at").is_between(pl.col("asked_at"), pl.col("asked_at") + asked.window, closed="left"))
        .select("reader_key", "contribution_id", "asked_at", "reporting_minor")
    )
    back = (
        counted.filter(pl.col("refund_of").is_not_null())
        .select("refund_of", "occurred_at", back="reporting_minor")
        .join(gifts, left_on="refund_of", right_on="contribution_id")
        .filter(pl.col("occurred_at") < pl.col("asked_at") + asked.refund)
        .group_by(contribution_id="refund_of")
        .agg(pl.col("back").sum())
    )
    paid = (
        gifts.join(back, on="contribution_id", how="left")
        .group_by("reader_key")
        .agg(value=(pl.col("reporting_minor") - pl.col("back").fill_null(0)).sum().clip(0, asked.cap))
    )
    readers = first.join(paid, on="reader_key", how="left")
    if asked.guards_pageviews:
        views = (
            pages.filter(person, pl.col("day").is_between(asked.starts, asked.counted_to))
            .select("reader_key", "day")
            .join(first.select("reader_key", "first_day"), on="reader_key")
            .filter(pl.col("day") >= pl.col("first_day"), pl.col("day") < pl.col("first_day") + timedelta(days=7))
            .group_by("reader_key")
            .agg(pages=pl.len().cast(pl.Int64))
        )
        readers = readers.join(views, on="reader_key", how="left")
    else:
        readers = readers.with_columns(pages=pl.lit(None, pl.Int64))
    return readers.group_by("variant_id").agg(
        n=pl.len(),
        contributors=pl.col("value").count(),
        s1=pl.col("value").sum(),
        s2=(pl.col("value") ** 2).sum(),
        pages=pl.col("pages").sum(),
        pages2=(pl.col("pages") ** 2).sum(),
    )


def pandas(workspace: Workspace, as_of: date) -> pl.DataFrame:
    """pandas: every needed column in memory at once."""
    import pandas as pd

    def read(kind: Kind, columns: list[str]) -> pd.DataFrame:
        files = [part.path for part in workspace.warehouse.parts(kind)]
        return pd.concat([pd.read_parquet(file, columns=columns, partitioning=None) for file in files])

    def people(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame["reader_key"].notna() & frame["is_bot"].ne(other=True)]  # type: ignore[return-value]

    events = people(
        read("appeal_events", ["reader_key", "occurred_at", "day", "experiment_id", "variant_id", "event", "is_bot"])
    )
    pages = people(read("pageviews", ["reader_key", "day", "is_bot"]))
    money = ["contribution_id", "reader_key", "occurred_at", "day", "status", "refund_of", "reporting_minor"]
    payments = read("contributions", money).query("status == 'settled'")
    return _together((asked, _by_pandas(asked, pages, events, payments)) for asked in questions(workspace, as_of))


def _by_pandas(asked: Question, pages, events, payments) -> pl.DataFrame:
    import pandas as pd

    own = events[(events["experiment_id"] == asked.experiment_id) & (events["event"] == asked.exposure)]
    own = own[(own["day"] >= asked.starts) & (own["day"] <= asked.counted_to)]
    first = (
        own.sort_values("occurred_at")
        .groupby("reader_key")
        .agg(asked_at=("occurred_at", "first"), variant_id=("variant_id", "first"), first_day=("day", "min"))
    )
    first = first[first["first_day"] <= asked.planned_end].reset_index()
    counted = payments[payments["day"] <= asked.counted_to]
    gifts = counted[counted["refund_of"].isna()].merge(first, on="reader_key", suffixes=("", "_first"))
    after = gifts["occurred_at"] - gifts["asked_at"]
    gifts = gifts[(after >= timedelta(0)) & (after < asked.window)]
    back = counted[counted["refund_of"].notna()].merge(
        gifts[["contribution_id", "asked_at"]], left_on="refund_of", right_on="contribution_id"
    )
    back = back[back["occurred_at"] < back["asked_at"] + asked.refund].groupby("refund_of")["reporting_minor"].sum()
    net = gifts["reporting_minor"] - gifts["contribution_id"].map(back).fillna(0).astype("int64")
    value = net.groupby(gifts["reader_key"]).sum().clip(0, asked.cap)
    first["value"] = first["reader_key"].map(value)
    first["pages"] = 0
    if asked.guards_pageviews:
        seen = pages[(pages["day"] >= asked.starts) & (pages["day"] <= asked.counted_to)]
        seen = seen.merge(first[["reader_key", "first_day"]], on="reader_key")
        days = (pd.to_datetime(seen["day"]) - pd.to_datetime(seen["first_day"])).dt.days
        first["pages"] = first["reader_key"].map(seen[(days >= 0) & (days < 7)].groupby("reader_key").size()).fillna(0)
    first["value2"], first["pages2"] = first["value"] ** 2, first["pages"] ** 2
    sums = first.groupby("variant_id").agg(
        n=("reader_key", "size"),
        contributors=("value", "count"),
        s1=("value", "sum"),
        s2=("value2", "sum"),
        pages=("pages", "sum"),
        pages2=("pages2", "sum"),
    )
    return pl.from_pandas(sums.reset_index())


#: What is measured, in the order of the table.
ALTERNATIVES: dict[str, Callable[[Workspace, date], pl.DataFrame]] = {
    "plain_sql": plain_sql,
    "tea_tasting": tea_tasting,
    "polars": polars,
    "pandas": pandas,
}


@contextmanager
def _views(workspace: Workspace) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with a view a kind over the accepted events."""
    with workspace.warehouse.compute() as connection:
        for kind in _KINDS:
            read_parts(connection, kind, workspace.warehouse.parts(kind))
        yield connection


def _together(found: Iterator[tuple[Question, pl.DataFrame]]) -> pl.DataFrame:
    frames = [frame.with_columns(experiment_id=pl.lit(asked.experiment_id)) for asked, frame in found]
    counted = pl.concat([frame.select(*COLUMNS[:2], pl.col(COLUMNS[2:]).cast(pl.Int64)) for frame in frames])
    return counted.sort(COLUMNS[:2])


def counted_by_pipeline(statistics: pl.DataFrame) -> pl.DataFrame:
    """The same table from the sufficient statistics of an edition (schema `SUFFICIENT_STATISTICS`)."""
    last = statistics.filter(
        pl.col("basis") == "exposed",
        pl.col("segment_kind") == "all",
        pl.col("as_of") == pl.col("as_of").max().over("experiment_id"),
    )
    metric = pl.col("metric")
    return (
        last.group_by("experiment_id", "variant_id")
        .agg(
            pl.col("n").filter(metric == "value").sum(),
            pl.col("x").filter(metric == "conversion").sum().alias("contributors"),
            pl.col("s1").filter(metric == "value").sum(),
            pl.col("s2").filter(metric == "value").sum(),
            pl.col("s1").filter(metric == "pageviews").sum().alias("pages"),
            pl.col("s2").filter(metric == "pageviews").sum().alias("pages2"),
        )
        .select(*COLUMNS[:2], pl.col(COLUMNS[2:]).cast(pl.Int64))
        .sort(COLUMNS[:2])
    )

"""Write a simulated publisher to a folder: settings, registry, rates, landed files, and the truth beside them.

Days are made one after the other, so that memory is bounded by the readers and by one day's rows. The same seed and
size give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis.contract import RECURRENCES, STATUSES
from analysis.errors import NothingToReport
from analysis.metrics import APPEAL_EVENTS
from analysis.registry import read_registry
from analysis.settings import SETTINGS_FILE
from analysis.simulation import faults
from analysis.simulation.appeals import PLANS, PUBLISHER, registry_text
from analysis.simulation.asks import EVENT, Events, Gifts, Ledger, ledgers, unprompted_gifts
from analysis.simulation.draws import Booleans, Integers, reader_integer, reader_uniform, stream
from analysis.simulation.files import Landing, Suffix
from analysis.simulation.gifts import CURRENCIES
from analysis.simulation.payments import NOBODY, PHASES, PRODUCTS, Payments, payments
from analysis.simulation.rates import daily_rates, simulated_rates
from analysis.simulation.readers import (
    APP,
    DEVICES,
    OCCASIONAL,
    READER_TYPES,
    READERS_PER_HIDDEN_ROBOT,
    READERS_PER_ROBOT,
    SECTIONS,
    TIME_ZONE,
    Pageviews,
    articles,
    day_bounds,
    news_factors,
    pageviews,
    populate,
    times_of_day,
    visitors,
)
from analysis.simulation.sizes import SimulationSize
from analysis.simulation.truth import METHOD as TRUTH_METHOD
from analysis.simulation.truth import TRUTH_FILE, Planted, Truth, experiment_truth, read_truth

Progress = Callable[[str, float], None]

_NEW, _RETURNING, _SUBSCRIBER = range(3)
#: Ids beyond 2^53, which a reader that passes them through a double would blur.
_PAGEVIEW_IDS, _EVENT_IDS, _IDS_A_DAY = 7_100_000_000_000_000_000, 7_200_000_000_000_000_000, 1_000_000_000_000

#: Deliveries of a mixed publisher that are out of the ordinary, by position in a full period.
SPLIT_DAY, GZIP_DAY, RETRIES_DAY, SPOILED_PAGEVIEWS_DAY, SPOILED_EVENTS_DAY = 8, 18, 15, 30, 33
TWICE_DAY, LEGACY_DAY, SPOILED_GIFTS_DAY, BROKEN_LINE_DAY, PARQUET_GIFTS_DAY = 28, 36, 12, 22, 5
#: Every week: the day whose late rows come two days after it, and the day on which the app sends a file of its own.
LATE_WEEKDAY, APP_WEEKDAY, LATE_SHARE, LATE_DAYS = 3, 5, 0.03, 2


def simulate(folder: Path, size: SimulationSize, *, seed: int = 1, progress: Progress | None = None) -> Truth:
    """Return the truth of the publisher that now stands in `folder`.

    Files of an earlier simulation, as its `truth.json` lists them, are replaced; other files are left alone.

    Args:
        folder: Made where it is missing; holds `askwell.toml` afterwards.
        size: How much; see `sizes`.
        seed: Of every draw.
        progress: Called with what is being made and the share done, from 0 to 1.
    """
    report = progress or (lambda what, share: None)
    _remove_earlier(folder)
    return _Publisher(folder, size, seed).publish(report)


def _remove_earlier(folder: Path) -> None:
    try:
        earlier = read_truth(folder)
    except NothingToReport:
        return
    root = folder.resolve()
    for name in (*earlier.files, TRUTH_FILE):
        path = (root / name).resolve()
        if path.is_relative_to(root):
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Robots:
    """Robots that read the site: numbers beyond the readers', the flagged ones first."""

    number: Integers
    is_flagged: Booleans


class _Publisher:
    def __init__(self, folder: Path, size: SimulationSize, seed: int) -> None:
        self.size, self.seed = size, seed
        self.landing = Landing(folder)
        self.tally = faults.Tally()
        self.rates = simulated_rates(size, seed)
        self._write_configuration()
        self.people = populate(size, seed)
        self.zero, self.end = day_bounds(size.first_day)[0], day_bounds(size.last_day)[1]
        self.experiments = read_registry(folder / "experiments")
        self.ledgers = ledgers(self.experiments, self.people, seed, self.zero, self.end)
        self.seen = np.zeros(self.people.n_readers, dtype=np.bool_)
        flagged = max(2, self.people.n_readers // READERS_PER_ROBOT)
        hidden = max(1, self.people.n_readers // READERS_PER_HIDDEN_ROBOT)
        self.robots = _Robots(
            self.people.n_readers + np.arange(flagged + hidden), np.arange(flagged + hidden) < flagged
        )

    def publish(self, report: Progress) -> Truth:
        size = self.size
        factors = news_factors(size)
        found: list[Gifts] = []
        batch: list[tuple[pl.DataFrame, pl.DataFrame]] = []
        for day in range(size.days):
            report(f"{size.day_number(day):%d %B}", day / size.days)
            views, events = self._day(day, factors, found)
            if size.days_per_delivery == 1:
                self._deliver_day(day, views, events)
                continue
            batch.append((views, events))
            if len(batch) == size.days_per_delivery or day == size.days - 1:
                delivery = size.day_number(day)
                self.landing.write("pageviews", delivery, "pageviews", pl.concat([v for v, _ in batch]), "parquet")
                self.landing.write("appeal_events", delivery, "appeals", pl.concat([e for _, e in batch]), "parquet")
                batch = []
        report("contributions", 0.97)
        paid = payments(Gifts.joined(found), self.people, self.seed, self.zero, self.end)
        self._deliver_payments(paid)
        truth = self._truth(paid)
        self.landing.write_text(TRUTH_FILE, truth.as_json())
        report("done", 1.0)
        return truth

    def _write_configuration(self) -> None:
        settings = [
            "# A simulated publisher. Nothing in it is real.",
            "[publisher]",
            f'name = "{PUBLISHER}"',
            'time_zone = "Europe/London"',
            'reporting_currency = "GBP"',
            'locale = "en-GB"',
            f"first_day = {self.size.first_day}",
            "",
            "[money]",
            'rates_file = "fx_rates.csv"',
            "",
        ]
        self.landing.write_text(SETTINGS_FILE, "\n".join(settings))
        self.landing.write_text("fx_rates.csv", self.rates.write_csv())
        for plan in PLANS:
            self.landing.write_text(f"experiments/{plan.id}.toml", registry_text(plan, self.size))

    # ---- one day ----

    def _day(self, day: int, factors: NDArray[np.float64], found: list[Gifts]) -> tuple[pl.DataFrame, pl.DataFrame]:
        size, people = self.size, self.people
        today = size.day_number(day)
        visitor = visitors(people, size, day, factors, stream(self.seed, "visits", day))
        for ledger in self.ledgers:
            if ledger.changes_reading:
                visitor = visitor[ledger.stays(visitor, day_bounds(today)[0], stream(self.seed, "stays", day))]
        views = pageviews(people, size, day, visitor, stream(self.seed, "pages", day))
        types = np.where(
            people.is_subscriber[visitor],
            _SUBSCRIBER,
            np.where(self.seen[visitor] | (people.reader_class[visitor] > OCCASIONAL), _RETURNING, _NEW),
        )
        parts: list[Events] = []
        for ledger in self.ledgers:
            if ledger.is_running(today):
                events, gifts = ledger.ask(today, views, stream(self.seed, f"asks {ledger.plan.id}", day))
                parts.append(events)
                found.append(gifts)
            if ledger.changes_reading:
                ledger.count_pages(today, views)
        found.append(unprompted_gifts(views, self.seed, day))
        self.seen[visitor] = True
        robot_views, robot_events = self._robot_rows(
            day, [ledger for ledger in self.ledgers if ledger.is_running(today)]
        )
        return self._view_frame(day, views, robot_views), self._event_frame(day, views, types, parts, robot_events)

    def _view_frame(self, day: int, views: Pageviews, robots: pl.DataFrame) -> pl.DataFrame:
        inside = views.at < self.end
        reader = views.reader[inside]
        frame = pl.DataFrame(
            {
                "occurred_at": views.at[inside],
                "number": np.where(self.people.is_anonymous[reader], NOBODY, reader),
                "article_id": views.article[inside],
                "section": views.section[inside],
                "device": self.people.device[reader],
                "is_bot": np.zeros(reader.size, dtype=np.bool_),
            }
        )
        return self._finish(pl.concat([frame, robots]), _PAGEVIEW_IDS + day * _IDS_A_DAY).select(
            "event_id", "occurred_at", "reader_id", "article_id", "section", "device", "is_bot"
        )

    def _event_frame(
        self, day: int, views: Pageviews, types: NDArray[np.int64], parts: Sequence[Events], robots: pl.DataFrame
    ) -> pl.DataFrame:
        frames = [robots]
        if parts:
            events = Events.joined(parts)
            reader = views.visitor[events.visit]
            frames.append(
                pl.DataFrame(
                    {
                        "occurred_at": events.at,
                        "number": np.where(self.people.is_anonymous[reader], NOBODY, reader),
                        "plan": events.plan,
                        "variant": events.variant,
                        "event": events.event,
                        "article_id": views.article[events.page],
                        "section": views.section[events.page],
                        "device": self.people.device[reader],
                        "reader_type": types[events.visit].astype(np.int8),
                        "is_bot": np.zeros(reader.size, dtype=np.bool_),
                    }
                ).filter(pl.col("occurred_at") < self.end)
            )
        frame = self._finish(pl.concat(frames), _EVENT_IDS + day * _IDS_A_DAY)
        plan = frame["plan"].cast(pl.UInt32)
        names, offsets = _variant_names()
        return frame.with_columns(
            pl.Series([plan.id for plan in PLANS]).gather(plan).alias("experiment_id"),
            names.gather(offsets.gather(plan) + frame["variant"].cast(pl.UInt32)).alias("variant_id"),
            pl.Series([plan.surface for plan in PLANS]).gather(plan).alias("surface"),
            _labels(APPEAL_EVENTS, frame["event"]).alias("event"),
            _labels(READER_TYPES, frame["reader_type"]).alias("reader_type"),
        ).select(
            "event_id",
            "occurred_at",
            "reader_id",
            "experiment_id",
            "variant_id",
            "surface",
            "event",
            "article_id",
            "section",
            "device",
            "reader_type",
            "is_bot",
        )

    def _finish(self, frame: pl.DataFrame, first_id: int) -> pl.DataFrame:
        """Rows in order of time, with ids and labels."""
        frame = frame.sort("occurred_at", maintain_order=True)
        return frame.with_columns(
            pl.int_range(first_id, first_id + pl.len()).alias("event_id"),
            pl.col("occurred_at").cast(pl.Datetime("us", "UTC")),
            self._reader_ids(frame["number"].to_numpy(), frame["device"] == APP).alias("reader_id"),
            _labels(SECTIONS, frame["section"]).alias("section"),
            _labels(DEVICES, frame["device"]).alias("device"),
        )

    def _reader_ids(self, number: Integers, is_app: pl.Series) -> pl.Series:
        """Ids as their senders make them: large integers from the web, words (some not in ASCII) from the app."""
        ids = pl.select(
            pl.when(pl.Series(number) == NOBODY)
            .then(None)
            .when(is_app)
            .then(
                pl.concat_str(
                    pl.when(pl.Series(number) % 40 == 1)
                    .then(pl.lit("läsare-"))
                    .when(pl.Series(number) % 40 == 2)
                    .then(pl.lit("読者-"))
                    .otherwise(pl.lit("app-")),
                    pl.Series(reader_integer(number, self.seed, "id")),
                )
            )
            .otherwise(pl.Series(reader_integer(number, self.seed, "id")).cast(pl.String))
        )
        return ids.to_series()

    def _robot_rows(self, day: int, running: Sequence[Ledger]) -> tuple[pl.DataFrame, pl.DataFrame]:
        random = stream(self.seed, "robots", day)
        today = self.size.day_number(day)
        pages = np.where(
            self.robots.is_flagged,
            random.integers(20, 60, self.robots.number.size),
            random.integers(40, 90, self.robots.number.size),
        )
        number, is_flagged = np.repeat(self.robots.number, pages), np.repeat(self.robots.is_flagged, pages)
        article, section = articles(day, number.size, random)
        views = pl.DataFrame(
            {
                "occurred_at": times_of_day(today, random.random(number.size), random.random(number.size)),
                "number": number,
                "article_id": article,
                "section": section,
                "device": np.full(number.size, DEVICES.index("desktop"), dtype=np.int8),
                "is_bot": is_flagged,
            }
        )
        n = self.robots.number.size if running else 0
        ledger = running[day % len(running)] if running else self.ledgers[0]
        draw = reader_uniform(self.robots.number[:n], self.seed, f"robot {ledger.plan.id}")
        events = pl.DataFrame(
            {
                "occurred_at": times_of_day(today, random.random(n), random.random(n)),
                "number": self.robots.number[:n],
                "plan": np.full(n, ledger.place, dtype=np.int8),
                "variant": (draw * len(ledger.plan.wordings)).astype(np.int8),
                "event": np.full(n, EVENT["inserted"], dtype=np.int8),
                "article_id": articles(day, n, random)[0],
                "section": np.zeros(n, dtype=np.int8),
                "device": np.full(n, DEVICES.index("desktop"), dtype=np.int8),
                "reader_type": np.full(n, _NEW, dtype=np.int8),
                "is_bot": self.robots.is_flagged[:n],
            }
        )
        return views, events

    # ---- deliveries ----

    def _deliver_day(self, day: int, views: pl.DataFrame, events: pl.DataFrame) -> None:
        today = self.size.day_number(day)
        if not self.size.is_mixed:
            self.landing.write("pageviews", today, "pageviews", views, "parquet")
            self.landing.write("appeal_events", today, "appeals", events, "parquet")
            return
        if day % 7 == LATE_WEEKDAY:
            views = self._hold_back("pageviews", day, views)
            events = self._hold_back("appeal_events", day, events)
        self._deliver_views(day, today, views)
        self._deliver_events(day, today, events)

    def _is(self, day: int, position: int) -> bool:
        return day == self.size.number_at(position)

    def _hold_back(self, kind: faults.Kind, day: int, rows: pl.DataFrame) -> pl.DataFrame:
        """Deliver some rows two days later than the others, and return the others."""
        is_late = pl.Series(stream(self.seed, f"late {kind}", day).random(rows.height) < LATE_SHARE)
        late = rows.filter(is_late)
        self.tally.late[kind] += late.height
        self.landing.write(kind, self.size.day_number(day + LATE_DAYS), f"late-{day:02d}", late, "parquet")
        return rows.filter(~is_late)

    def _deliver_views(self, day: int, today: date, views: pl.DataFrame) -> None:
        landing, tally = self.landing, self.tally
        if self._is(day, SPOILED_PAGEVIEWS_DAY):
            spoiled = faults.faulty(views, faults.FAULTY_TYPED_PAGEVIEWS, "pageviews", "event_id", tally)
            repeated = views.head(100)
            tally.duplicates["pageviews"] += repeated.height
            views = pl.concat([views, repeated, spoiled])
        if self._is(day, LEGACY_DAY):
            resent = _as_text(views.slice(views.height // 3, 40))
            tally.duplicates["pageviews"] += resent.height
            spoiled = faults.faulty(resent, faults.FAULTY_PAGEVIEWS, "pageviews", "event_id", tally)
            landing.write("pageviews", today, "legacy", pl.concat([resent, spoiled]), "csv")
        if day % 7 == APP_WEEKDAY:
            from_app = pl.col("device") == "app"
            landing.write("pageviews", today, "app", views.filter(from_app), "parquet")
            web = views.filter(~from_app).with_columns(pl.col("reader_id").cast(pl.Int64))
            landing.write("pageviews", today, "web", web, "parquet")
            return
        path = landing.write("pageviews", today, "pageviews", views, "parquet")
        if self._is(day, TWICE_DAY):
            landing.deliver_again("pageviews", path, views.height, today + timedelta(days=1), "resent")
            tally.duplicates["pageviews"] += views.height

    def _deliver_events(self, day: int, today: date, events: pl.DataFrame) -> None:
        landing, tally = self.landing, self.tally
        if self._is(day, RETRIES_DAY):
            resent = _as_text(events.slice(events.height // 2, 120))
            tally.duplicates["appeal_events"] += resent.height
            spoiled = faults.faulty(resent, faults.FAULTY_EVENTS, "appeal_events", "event_id", tally)
            tally.set_aside("appeal_events", "unreadable_row", 1)
            rows = pl.concat([resent, spoiled])
            landing.write(
                "appeal_events", today, "app-retries", rows, "ndjson", ['{"event_id": "cut-off", "occurred_at": "2026-']
            )
        if self._is(day, SPOILED_EVENTS_DAY):
            spoiled = faults.faulty(events, faults.FAULTY_TYPED_EVENTS, "appeal_events", "event_id", tally)
            repeated = events.head(80)
            tally.duplicates["appeal_events"] += repeated.height
            events = pl.concat([events, repeated, spoiled])
        if self._is(day, SPLIT_DAY):
            quarter = events["occurred_at"].dt.hour() // 6
            for part in sorted(quarter.unique().to_list()):
                name = f"appeals-{6 * part:02d}h"
                landing.write("appeal_events", today, name, events.filter(quarter == part), "parquet")
        elif self._is(day, GZIP_DAY):
            landing.write("appeal_events", today, "appeals", _as_text(events), "ndjson.gz")
        else:
            landing.write("appeal_events", today, "appeals", events, "parquet")

    def _deliver_payments(self, paid: Payments) -> None:
        rows = self._payment_frame(paid)
        starts = np.array([day_bounds(self.size.day_number(day))[0] for day in range(self.size.days)])
        occurred = np.searchsorted(starts, paid.at, side="right") - 1
        step = self.size.days_per_delivery
        delivered = (
            occurred + paid.delay if step == 1 else np.minimum(occurred // step * step + step, self.size.days) - 1
        )
        self.tally.late["contributions"] += int((delivered > occurred).sum()) if step == 1 else 0
        days = set(np.unique(delivered).tolist())
        if self.size.is_mixed:
            days |= {
                self.size.number_at(position) for position in (SPOILED_GIFTS_DAY, BROKEN_LINE_DAY)
            }  # a small publisher may have no gift on them
        for day in sorted(days):
            self._deliver_day_payments(day, rows.filter(pl.Series(delivered == day)), rows)

    def _deliver_day_payments(self, day: int, rows: pl.DataFrame, all_rows: pl.DataFrame) -> None:
        landing, tally, today = self.landing, self.tally, self.size.day_number(day)
        if not self.size.is_mixed or self._is(day, PARQUET_GIFTS_DAY):
            landing.write("contributions", today, "payments", rows, "parquet")
            return
        suffix: Suffix = ("csv", "csv.gz", "ndjson", "csv")[day % 4]
        text = _as_text(rows, local=suffix == "csv")
        broken: list[str] = []
        if self._is(day, SPOILED_GIFTS_DAY):
            sound = _as_text(all_rows.filter(pl.col("status") == "settled", pl.col("refund_of").is_null()))
            spoiled = faults.faulty(sound, faults.FAULTY_CONTRIBUTIONS, "contributions", "contribution_id", tally)
            resent = text.head(5)
            tally.duplicates["contributions"] += resent.height
            text = pl.concat([text, spoiled, resent])
        if self._is(day, BROKEN_LINE_DAY):
            broken = ['{"contribution_id": "pay-cut", "amount_minor": 500, "curren']
            tally.set_aside("contributions", "unreadable_row", 1)
        landing.write("contributions", today, "payments", text, suffix, broken)

    def _payment_frame(self, paid: Payments) -> pl.DataFrame:
        known = paid.reader != NOBODY
        reader = np.maximum(paid.reader, 0)
        is_app = pl.Series(self.people.device[reader] == APP)
        names, offsets = _variant_names()
        attributed = pl.Series(paid.is_attributed)
        plan = pl.Series(np.maximum(paid.plan, 0)).cast(pl.UInt32)
        variant = offsets.gather(plan) + pl.Series(np.maximum(paid.variant, 0)).cast(pl.UInt32)
        number, root = pl.Series(paid.number), pl.Series(paid.root)
        is_refund = pl.Series(paid.undoes >= 0)
        phase = _labels(PHASES, pl.Series(paid.phase))
        return pl.DataFrame(
            {"occurred_at": pl.Series(paid.at).cast(pl.Datetime("us", "UTC")), "amount_minor": paid.amount}
        ).select(
            pl.concat_str(pl.when(is_refund).then(pl.lit("ref-")).otherwise(pl.lit("pay-")), number + 100_000).alias(
                "contribution_id"
            ),
            "occurred_at",
            pl.when(pl.Series(known)).then(self._reader_ids(reader, is_app)).alias("reader_id"),
            "amount_minor",
            _labels(CURRENCIES, pl.Series(paid.currency)).alias("currency"),
            _labels(STATUSES, pl.Series(paid.status)).alias("status"),
            _labels(PRODUCTS, pl.Series(paid.product)).alias("product"),
            _labels(RECURRENCES, pl.Series(paid.recurrence)).alias("recurrence"),
            (phase == "trial").alias("is_trial"),
            pl.when(is_refund)
            .then(None)
            .when(root >= 0)
            .then(pl.concat_str(pl.lit("pay-"), root + 100_000))
            .when(root < -1)
            .then(pl.concat_str(pl.lit("old-"), -root))
            .alias("renewal_of"),
            pl.when(is_refund).then(pl.concat_str(pl.lit("pay-"), pl.Series(paid.undoes) + 100_000)).alias("refund_of"),
            pl.when(phase != "").then(phase).alias("price_phase"),
            pl.when(attributed).then(pl.Series([plan.id for plan in PLANS]).gather(plan)).alias("experiment_id"),
            pl.when(attributed).then(names.gather(variant)).alias("variant_id"),
        )

    def _truth(self, paid: Payments) -> Truth:
        rates = daily_rates(self.rates, self.size)
        return Truth(
            size=self.size.name,
            readers=self.size.readers,
            seed=self.seed,
            first_day=self.size.first_day.isoformat(),
            last_day=self.size.last_day.isoformat(),
            method=TRUTH_METHOD,
            experiments=tuple(experiment_truth(ledger, paid, rates, self.size, self.zero) for ledger in self.ledgers),
            planted=Planted(
                received=dict(self.landing.rows),
                quarantined={kind: dict(reasons) for kind, reasons in self.tally.quarantined.items()},
                duplicates=dict(self.tally.duplicates),
                late=dict(self.tally.late),
            ),
            files=tuple(self.landing.files),
        )


def _labels(labels: Sequence[str], codes: pl.Series) -> pl.Series:
    return pl.Series(labels).gather(codes.cast(pl.UInt32))


def _variant_names() -> tuple[pl.Series, pl.Series]:
    """Ids of all variants in a row, and where each plan's begin."""
    counts = [len(plan.wordings) for plan in PLANS]
    starts = np.cumsum([0, *counts[:-1]])
    return pl.Series([w.id for plan in PLANS for w in plan.wordings]), pl.Series(starts).cast(pl.UInt32)


def _as_text(rows: pl.DataFrame, *, local: bool = False) -> pl.DataFrame:
    """Every column as text, as in CSV and NDJSON exports; times in UTC, or in the publisher's time with its offset."""
    moment = pl.col("occurred_at")
    if local:
        moment = moment.dt.convert_time_zone(TIME_ZONE.key).dt.to_string("%Y-%m-%dT%H:%M:%S%:z")
    else:
        moment = moment.dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ")
    return rows.with_columns(moment.alias("occurred_at")).select(pl.all().cast(pl.String))

"""The site of an edition: what the warehouse holds becomes pages, and what the pages tell is held against it."""

from __future__ import annotations

import html
import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import duckdb
import polars as pl

from analysis.database import open_database
from analysis.delivery import Letter, Receipt, complaints, deliver, replace_file, write_files
from analysis.edition import Draft, audience_of, last_edition, previous_effects, results, stamp_of, wording_of
from analysis.experiment_result import ExperimentResult
from analysis.registry import Experiment
from analysis.result_tables import (
    ADJUSTED_ESTIMATES,
    CHECKS,
    DECISIONS,
    ESTIMATES,
    FUNNEL,
    OTHER_READINGS,
    SPECIAL_READERS,
    TIED_GIFTS,
    VARIANT_RESULTS,
)
from analysis.settings import Delivery, Settings
from analysis.store import Warehouse
from dashboards.blocks import Page
from dashboards.brief import brief_letter
from dashboards.dictionary import dictionary_report
from dashboards.health import HealthTables
from dashboards.phrasing.verdicts import verdict_words
from dashboards.site import SiteSummary, build_site
from dashboards.wording.page import wording_pages

#: Record of the brief that was sent last, beside the messages.
LAST_BRIEF = "last-brief.json"


def publish_site(warehouse: Warehouse, experiments: Sequence[Experiment], edition: Draft) -> SiteSummary:
    """Build the site of an edition and put it in place; only pages that changed are written."""
    settings = warehouse.settings
    health = HealthTables(warehouse.ledger(), warehouse.quarantine_reasons(), warehouse.rows_per_day())
    return build_site(
        results(warehouse, experiments, edition),
        health,
        stamp_of(edition),
        audience_of(settings, experiments),
        settings.folders.site,
        (_dictionary(settings), *_wording(warehouse, edition)),
    )


def _wording(warehouse: Warehouse, edition: Draft) -> tuple[Page, ...]:
    told, before = wording_of(warehouse, edition), previous_effects(warehouse, edition)
    return wording_pages(told, audience_of(warehouse.settings), stamp_of(edition), before)


def _dictionary(settings: Settings) -> Page:
    with open_database(settings.folders.database) as database:
        return dictionary_report(
            database.sql("FROM data_dictionary").pl(), database.sql("FROM macros").pl(), audience_of(settings)
        )


@dataclass(frozen=True)
class LastBrief:
    """Day and edition of the brief that was sent last; None where none has been."""

    on: date | None = None
    edition: int | None = None


def publish_brief(
    warehouse: Warehouse, experiments: Sequence[Experiment], now: datetime, *, send: bool, again: bool = False
) -> tuple[Letter, tuple[Receipt, ...]]:
    """Write the brief of the last published edition as files; send it where asked to.

    It says what changed since the brief that was sent last. A brief that did not reach everybody does not count as sent.

    Raises:
        NothingToReport: no edition has been published yet.
    """
    settings, edition = warehouse.settings, last_edition(warehouse)
    last = last_brief(settings.delivery)
    since = last.edition if last.edition is not None and last.edition < edition.number else None
    found = results(warehouse, experiments, edition, since=since)
    letter = brief_letter(found, audience_of(settings), stamp_of(edition), settings.brief.site_url)
    if not send:
        write_files(letter, settings.delivery)
        return letter, ()
    receipts = deliver(letter, settings.delivery, again=again)
    if not complaints(receipts):
        content = {"on": now.astimezone(settings.zone).date().isoformat(), "edition": edition.number}
        replace_file(settings.delivery.folder / LAST_BRIEF, json.dumps(content).encode())
    return letter, receipts


def last_brief(delivery: Delivery) -> LastBrief:
    """Return which brief was sent last, from the record beside the messages."""
    try:
        found = json.loads((delivery.folder / LAST_BRIEF).read_text(encoding="utf-8"))
        return LastBrief(date.fromisoformat(found["on"]), int(found["edition"]))
    except (OSError, ValueError, KeyError, TypeError):  # no record, or one that is not ours: send rather than be silent
        return LastBrief()


def verdicts_missing_from_site(warehouse: Warehouse, experiments: Sequence[Experiment], edition: Draft) -> list[str]:
    """Ids of experiments whose page is not there or does not tell the verdict and the money of the edition's tables."""
    site = warehouse.settings.folders.site
    missing = []
    for result in results(warehouse, experiments, edition):
        page = site / "experiments" / f"{result.experiment.id}.html"
        text = html.unescape(page.read_text(encoding="utf-8")) if page.exists() else ""
        words = verdict_words(result)
        if words.headline not in text or words.money_line not in text:
            missing.append(result.experiment.id)
    return missing


#: Tables of the published database from which the sections of an experiment's page are made.
_TOLD = (ESTIMATES, ADJUSTED_ESTIMATES, OTHER_READINGS, VARIANT_RESULTS, CHECKS, FUNNEL, SPECIAL_READERS, TIED_GIFTS)


def sections_unlike_the_database(warehouse: Warehouse, experiments: Sequence[Experiment]) -> list[str]:
    """Sections of experiments' pages, as `id/section`, that say another thing than the tables of the published database.

    Every page is made again from those tables, and each section must come out as it was published, letter by letter: so every
    number of it equals the table's.

    Raises:
        NothingToReport: no edition has been published yet.
    """
    settings, edition = warehouse.settings, last_edition(warehouse)
    with open_database(settings.folders.database) as database:
        told = [_as_published(result, database) for result in results(warehouse, experiments, edition)]
    health = HealthTables(warehouse.ledger(), warehouse.quarantine_reasons(), warehouse.rows_per_day())
    unlike = []
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / "site"
        build_site(told, health, stamp_of(edition), audience_of(settings, experiments), again)
        for result in told:
            page = f"experiments/{result.experiment.id}.html"
            made, shown = _sections(again / page), _sections(settings.folders.site / page)
            unlike += [
                f"{result.experiment.id}/{name}"
                for name in sorted(made.keys() | shown.keys())
                if made.get(name) != shown.get(name)
            ]
    return unlike


def _as_published(result: ExperimentResult, database: duckdb.DuckDBPyConnection) -> ExperimentResult:
    def rows(table: str, schema: dict[str, pl.DataType | type[pl.DataType]]) -> pl.DataFrame:
        found = database.sql(
            f"SELECT * FROM {table} WHERE experiment_id = $id", params={"id": result.experiment.id}
        ).pl()
        return found.select(pl.col(name).cast(dtype) for name, dtype in schema.items())

    decision = rows(DECISIONS.name, DECISIONS.schema)
    return replace(
        result,
        **{table.name: rows(table.name, table.schema) for table in _TOLD},
        decision=decision.row(0, named=True) if decision.height else result.decision,
    )


def _sections(page: Path) -> dict[str, str]:
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    return dict(re.findall(r'<section id="([\w-]+)"(.*?)</section>', text, re.DOTALL))

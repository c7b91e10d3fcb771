"""Every section of every page, rebuilt from nothing but what its own queries give on the published database.

The rebuilt section has to equal the published HTML letter by letter, so every number, word and drawn length in it follows
from the rows that an analyst gets by running what stands beneath it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from analysis.database import open_database
from analysis.edition import audience_of, last_edition, results, stamp_of
from analysis.experiment_result import ExperimentResult
from analysis.result_tables import (
    CHECKS,
    DECISIONS,
    ESTIMATES,
    FUNNEL,
    SPECIAL_READERS,
    STRANGERS,
    TIED_GIFTS,
    VARIANT_RESULTS,
)
from dashboards.edition import publish_site
from dashboards.health import HealthTables
from dashboards.site import QUERIES, build_site
from tests.analysis.test_database import land_readers, published
from tests.builders import TestPublisher

_FRAMES = (ESTIMATES, VARIANT_RESULTS, CHECKS, FUNNEL, SPECIAL_READERS, TIED_GIFTS, STRANGERS)
_HEALTH = ("ledger", "quarantine_reasons", "rows_per_day")

#: Rows by table, as the queries of one section give them.
Answers = dict[str, pl.DataFrame]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> TestPublisher:
    publisher = TestPublisher(tmp_path_factory.mktemp("numbers") / "publisher")
    publisher.register()
    land_readers(publisher, readers=1200)
    published(publisher)
    warehouse, experiments = publisher.warehouse, publisher.experiments
    with warehouse.writing():
        publish_site(warehouse, experiments, last_edition(warehouse))
    return publisher


def answers_by_section(publisher: TestPublisher) -> dict[str, Answers]:
    """What the queries of each section give, by `page/section`."""
    found: dict[str, Answers] = {}
    known = json.loads((publisher.settings.folders.site / QUERIES).read_text(encoding="utf-8"))
    with open_database(publisher.settings.folders.database) as database:
        for name, query in known.items():
            if name.startswith("dictionary/"):  # meanings, not numbers: held to the database beside the other pages
                continue
            table = re.match(r"FROM (\w+)", query["sql"])
            assert table is not None, query["sql"]
            rows, section = database.sql(query["sql"]).pl(), found.setdefault(name.rpartition("/")[0], {})
            held = section.get(table[1])
            section[table[1]] = rows if held is None else pl.concat([held, rows]).unique(maintain_order=True)
    return found


def told_by(result: ExperimentResult, answers: Answers) -> ExperimentResult:
    """The result with the rows of the answers and no others."""
    frames = {
        table.name: answers[table.name].select(pl.col(name).cast(dtype) for name, dtype in table.schema.items())
        if table.name in answers
        else getattr(result, table.name).clear()
        for table in _FRAMES
    }
    decision = result.decision  # says on every page which wording is meant; its own numbers stand with their query
    if DECISIONS.name in answers:
        decision = answers[DECISIONS.name].row(0, named=True)
        decision = {name: decision[name] for name in result.decision}
    return replace(result, **frames, decision=decision)


def sections_of(page: Path) -> dict[str, str]:
    text = page.read_text(encoding="utf-8")
    return dict(re.findall(r'<section id="([\w-]+)"(.*?)</section>', text, re.DOTALL))


def differing(
    publisher: TestPublisher,
    folder: Path,
    alter: Callable[[Answers], Answers] = lambda answers: answers,
    only: str = "",
) -> Iterator[str]:
    """Sections, as `page/section`, that do not come out as published from what their own queries answer."""
    warehouse, experiments, settings = publisher.warehouse, publisher.experiments, publisher.settings
    edition = last_edition(warehouse)
    known = {result.experiment.id: result for result in results(warehouse, experiments, edition)}
    empty = HealthTables(
        warehouse.ledger().clear(), warehouse.quarantine_reasons().clear(), warehouse.rows_per_day().clear()
    )
    for number, (name, found) in enumerate(sorted(answers_by_section(publisher).items())):
        if only not in ("", name):
            continue
        answers = alter(found)
        way, _, section = name.rpartition("/")
        told = [told_by(known[way.partition("/")[2]], answers)] if way.startswith("experiments/") else []
        health = HealthTables(*(answers.get(table, getattr(empty, table)) for table in _HEALTH))
        rebuilt = folder / str(number)
        audience = audience_of(settings, experiments)
        build_site(told, health, stamp_of(edition), audience, rebuilt)
        page = f"{way}.html"
        if sections_of(rebuilt / page).get(section) != sections_of(settings.folders.site / page)[section]:
            yield name


def test_every_section_follows_from_its_own_queries(site: TestPublisher, tmp_path: Path) -> None:
    assert len(answers_by_section(site)) >= 10
    assert list(differing(site, tmp_path)) == []


@pytest.mark.parametrize(
    ("table", "column", "told_in"),
    [
        ("variant_results", "mean", "experiments/thanks/money"),
        ("estimates", "difference_low", "experiments/thanks/evidence"),
        ("estimates", "n", "experiments/thanks/groups"),
        ("checks", "detail", "experiments/thanks/trust"),
        ("funnel", "readers", "experiments/thanks/funnel"),
        ("special_readers", "readers", "experiments/thanks/counted"),
        ("tied_gifts", "gifts", "experiments/thanks/counted"),
        ("rows_per_day", "rows", "health/days"),
    ],
)
def test_a_number_that_the_database_does_not_hold_is_found(
    site: TestPublisher, tmp_path: Path, table: str, column: str, told_in: str
) -> None:
    """Guards the guard: a page that tells another number than the database is caught."""

    def altered(answers: Answers) -> Answers:
        if table not in answers:
            return answers
        held = pl.col(column)
        if answers[table].schema[column] == pl.String:  # every number inside a check's detail
            other = held.str.replace_all(r"0\.(\d)", "0.9$1")
        else:
            other = (held * 1.5 + 1).cast(answers[table].schema[column])
        return answers | {table: answers[table].with_columns(other.alias(column))}

    assert told_in in set(differing(site, tmp_path, altered, only=told_in))

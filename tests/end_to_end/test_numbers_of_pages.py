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
from analysis.edition import Draft, audience_of, last_edition, results, stamp_of
from analysis.experiment_result import ExperimentResult
from analysis.result_tables import (
    ADJUSTED_ESTIMATES,
    CHECKS,
    DECISIONS,
    ESTIMATES,
    FUNNEL,
    OTHER_READINGS,
    SPECIAL_READERS,
    STRANGERS,
    TIED_GIFTS,
    VARIANT_RESULTS,
)
from dashboards.edition import publish_site
from dashboards.health import HealthTables
from dashboards.site import QUERIES, build_site
from tests.analysis.test_database import land_readers, published
from tests.builders import TestPublisher, appeal_event

_FRAMES = (
    ESTIMATES,
    ADJUSTED_ESTIMATES,
    OTHER_READINGS,
    VARIANT_RESULTS,
    CHECKS,
    FUNNEL,
    SPECIAL_READERS,
    TIED_GIFTS,
    STRANGERS,
)
_HEALTH = ("ledger", "quarantine_reasons", "rows_per_day")

#: Rows by table, as the queries of one section give them.
Answers = dict[str, pl.DataFrame]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> TestPublisher:
    publisher = TestPublisher(tmp_path_factory.mktemp("numbers") / "publisher")
    publisher.register(more='covariates = ["visits_before", "device"]')
    land_readers(publisher, readers=1200)
    for _ in ("first", "second"):
        published(publisher)
        warehouse, experiments = publisher.warehouse, publisher.experiments
        with warehouse.writing():
            publish_site(warehouse, experiments, last_edition(warehouse))
        publisher.land("appeal_events", [appeal_event("10-28 12:00", f"later{number}") for number in range(9)])
    return publisher


def answers_by_section(publisher: TestPublisher) -> dict[str, Answers]:
    """What the queries of each section give, by `page/section`."""
    found: dict[str, Answers] = {}
    known = json.loads((publisher.settings.folders.site / QUERIES).read_text(encoding="utf-8"))
    with open_database(publisher.settings.folders.database) as database:
        for name, query in known.items():
            if name.startswith("dictionary/"):  # meanings, not numbers: held to the database beside the other pages
                continue
            if name.startswith(("index/", "wording")):  # the front page is one whole, below; wording has its own test
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


def health_told_by(publisher: TestPublisher, answers: Answers) -> HealthTables:
    """The tables of data health with the rows of the answers and no others."""
    warehouse = publisher.warehouse
    held = (warehouse.ledger(), warehouse.quarantine_reasons(), warehouse.rows_per_day())
    return HealthTables(
        *(answers[name] if name in answers else frame.clear() for name, frame in zip(_HEALTH, held, strict=True))
    )


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
    for number, (name, found) in enumerate(sorted(answers_by_section(publisher).items())):
        if only not in ("", name):
            continue
        answers = alter(found)
        way, _, section = name.rpartition("/")
        told = [told_by(known[way.partition("/")[2]], answers)] if way.startswith("experiments/") else []
        health = health_told_by(publisher, answers)
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


def rebuilt(publisher: TestPublisher, edition: Draft, answers: Answers, folder: Path) -> Path:
    """A site of an edition whose experiments are told by the answers alone."""
    known = results(publisher.warehouse, publisher.experiments, edition)
    told = [
        told_by(
            result,
            {name: rows.filter(pl.col("experiment_id") == result.experiment.id) for name, rows in answers.items()},
        )
        for result in known
    ]
    audience = audience_of(publisher.settings, publisher.experiments)
    build_site(told, health_told_by(publisher, answers), stamp_of(edition), audience, folder)
    return folder


def front_page_answers(publisher: TestPublisher) -> Answers:
    known = json.loads((publisher.settings.folders.site / QUERIES).read_text(encoding="utf-8"))
    with open_database(publisher.settings.folders.database) as database:
        queries = [query["sql"] for name, query in known.items() if name.startswith("index/")]
        return {sql.split()[1]: database.sql(sql).pl() for sql in queries}


def main_of(page: Path) -> str:
    return page.read_text(encoding="utf-8").partition("<main")[2].partition("</main>")[0]


def test_the_front_page_follows_from_its_own_queries(site: TestPublisher, tmp_path: Path) -> None:
    """Headline, counts, strips, sums, days; what changed since, too, beside the edition before as the result keeps it."""
    made = rebuilt(site, last_edition(site.warehouse), front_page_answers(site), tmp_path / "site")
    assert main_of(made / "index.html") == main_of(site.settings.folders.site / "index.html")


@pytest.mark.parametrize(("table", "column"), [("estimates", "difference_low"), ("decisions", "verdict")])
def test_a_number_of_the_front_page_that_the_database_does_not_hold_is_found(
    site: TestPublisher, tmp_path: Path, table: str, column: str
) -> None:
    answers = front_page_answers(site)
    other = pl.lit("no_difference") if column == "verdict" else pl.col(column) * 2 - 100
    answers[table] = answers[table].with_columns(other.alias(column))
    made = rebuilt(site, last_edition(site.warehouse), answers, tmp_path / "site")
    assert main_of(made / "index.html") != main_of(site.settings.folders.site / "index.html")


def test_the_pages_of_earlier_days_follow_from_what_the_newest_file_keeps_of_their_editions(
    site: TestPublisher, tmp_path: Path
) -> None:
    with open_database(site.settings.folders.database) as database:
        for entry in site.warehouse.editions():
            assert entry.as_of is not None
            edition = Draft(entry.number, entry.as_of, entry.inputs, is_new=False, made_at=entry.published_at)
            answers = {
                table.name: database.sql(f"FROM {table.name}_by_edition WHERE edition = {entry.number}").pl()
                for table in (*_FRAMES, DECISIONS)
            }
            made = rebuilt(site, edition, answers, tmp_path / str(entry.number))
            for page in ("index.html", "experiments/thanks.html"):
                way = Path("as-of") / entry.as_of.isoformat() / page
                assert main_of(made / way) == main_of(site.settings.folders.site / way), way
                assert len(main_of(made / way)) > 1000


def test_the_archive_lists_the_days_of_the_editions(site: TestPublisher) -> None:
    shown = re.findall(r'href="as-of/([\d-]+)/index.html"', main_of(site.settings.folders.site / "archive.html"))
    with open_database(site.settings.folders.database) as database:
        days = database.sql("SELECT DISTINCT as_of::VARCHAR FROM editions ORDER BY 1 DESC").fetchall()
    assert len(days) == 2
    assert shown == [day for (day,) in days]

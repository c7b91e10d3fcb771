"""Every section of the wording page, rebuilt from nothing but what its own queries give on the published database."""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest

from analysis.database import open_database
from analysis.edition import (
    audience_of,
    draft,
    last_edition,
    publish,
    stamp_of,
    write_decisions,
    write_estimates,
    write_statistics,
    write_wording,
)
from analysis.wording.past_tests import read_past_tests
from analysis.wording.result import WordingResult
from analysis.wording.tables import PAST_ARMS, WORDING_PREDICTION, WORDING_TABLES
from dashboards.edition import publish_site
from dashboards.site import QUERIES, build_site
from dashboards.wording.page import wording_pages
from tests.builders import NOW, TestPublisher, appeal_event
from tests.dashboards.conftest import health
from tests.wording_builders import simulated_past

Answers = dict[str, pl.DataFrame]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> TestPublisher:
    """A history of 150 tests on two surfaces, and a running test of one's own."""
    publisher = TestPublisher(tmp_path_factory.mktemp("wording") / "publisher")
    publisher.register()
    publisher.land("appeal_events", [appeal_event("10-05 12:00", f"r{reader}") for reader in range(20)])
    history = publisher.folder / "old.csv"
    surface = pl.when(pl.col("test_id") < "t0050").then(pl.lit("paywall")).otherwise(pl.lit("registration"))
    arms = simulated_past(150).arms.with_columns(surface=surface, placement=pl.col("test_id").str.slice(4))
    arms.select(
        "test_id", "arm_id", "ended", "readers", "conversions", "surface", "placement", headline="text"
    ).write_csv(history)
    warehouse = publisher.warehouse
    with warehouse.writing():
        warehouse.replace([warehouse.write_frame(read_past_tests(history).arms, PAST_ARMS, "old", inputs="1")])
    publisher.statistics(NOW)
    experiments = publisher.experiments
    with warehouse.writing():
        edition = draft(warehouse, experiments, NOW)
        for step in (write_statistics, write_estimates, write_decisions, write_wording):
            step(warehouse, experiments, edition)
        publish(warehouse, experiments, edition)
        publish_site(warehouse, experiments, edition)
    return publisher


def answers_by_section(publisher: TestPublisher) -> dict[str, Answers]:
    found: dict[str, Answers] = {}
    known = json.loads((publisher.settings.folders.site / QUERIES).read_text(encoding="utf-8"))
    with open_database(publisher.settings.folders.database) as database:
        for name, query in known.items():
            if not name.startswith("wording"):
                continue
            rows, section = database.sql(query["sql"]).pl(), found.setdefault(name.rpartition("/")[0], {})
            table = query["sql"].split()[1]
            section[table] = pl.concat([section[table], rows]) if table in section else rows
    return found


def told_by(publisher: TestPublisher, answers: Answers) -> WordingResult:
    """The answers and no others; whether anything is judged at all, which every section asks, from its table."""
    with open_database(publisher.settings.folders.database) as database:
        every = database.sql("FROM wording_prediction").pl()
    own = answers.get(WORDING_PREDICTION.name, every.clear())
    rest = every.join(own, on=["surface", "outcome"], how="anti")
    frames = {
        table.name: answers.get(table.name, table.frame()).select(
            pl.col(name).cast(dtype) for name, dtype in table.schema.items()
        )
        for table in WORDING_TABLES
        if table is not WORDING_PREDICTION
    }
    return WordingResult.of({WORDING_PREDICTION.name: pl.concat([own, rest]).sort("place"), **frames})


def sections_of(page: Path) -> dict[str, str]:
    return dict(re.findall(r'<section id="([\w-]+)"(.*?)</section>', page.read_text(encoding="utf-8"), re.DOTALL))


def is_rebuilt(publisher: TestPublisher, name: str, answers: Answers, folder: Path) -> bool:
    """Whether a section, as `page/section`, comes out of the answers as it was published, letter by letter."""
    page, _, section = name.rpartition("/")
    audience, edition = audience_of(publisher.settings), last_edition(publisher.warehouse)
    pages = wording_pages(told_by(publisher, answers), audience, stamp_of(edition))
    build_site([], health(), stamp_of(edition), audience, folder, pages)
    path = f"{page}.html"
    return sections_of(folder / path)[section] == sections_of(publisher.settings.folders.site / path)[section]


def test_every_section_of_the_wording_pages_follows_from_its_own_queries(site: TestPublisher, tmp_path: Path) -> None:
    found = answers_by_section(site)
    assert {"wording/prediction", "wording/traits", "wording/playbook", "wording/groups", "wording/unknown"} <= set(
        found
    )
    assert {name.partition("/")[0] for name in found} == {"wording", "wording-paywall", "wording-donation"}
    assert [
        n for place, (n, told) in enumerate(found.items()) if not is_rebuilt(site, n, told, tmp_path / str(place))
    ] == []


@pytest.mark.parametrize(
    ("table", "column", "told_in"),
    [
        ("wording_prediction", "accuracy", "wording/prediction"),
        ("wording_calibration", "observed", "wording/prediction"),
        ("wording_effects", "shrunk_lift", "wording/traits"),
        ("wording_examples", "with_conversions", "wording/playbook"),
        ("wording_effects", "tests_seen", "wording/unknown"),
    ],
)
def test_a_number_that_the_database_does_not_hold_is_found(
    site: TestPublisher, tmp_path: Path, table: str, column: str, told_in: str
) -> None:
    answers = answers_by_section(site)[told_in]
    held = answers[table]
    answers[table] = held.with_columns((pl.col(column) * 1.3 + 1).cast(held.schema[column]))
    assert not is_rebuilt(site, told_in, answers, tmp_path / "site")

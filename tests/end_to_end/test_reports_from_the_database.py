"""What pages say can be asked of the database: by the id beside each query, and by the dictionary."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.database import open_database
from analysis.edition import draft
from dashboards.edition import publish_site
from tests.analysis.test_database import land_readers, published
from tests.builders import NOW, TestPublisher


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> TestPublisher:
    publisher = TestPublisher(tmp_path_factory.mktemp("reports") / "publisher")
    publisher.register()
    land_readers(publisher)
    published(publisher)
    warehouse, experiments = publisher.warehouse, publisher.experiments
    with warehouse.writing():
        publish_site(warehouse, experiments, draft(warehouse, experiments, NOW))
    return publisher


def ask(publisher: TestPublisher, wanted: str) -> subprocess.CompletedProcess[str]:
    askwell = Path(sys.executable).with_name("askwell")
    command = [askwell, "query", "--from-report", wanted, "--settings", publisher.folder, "--json"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_query_that_a_page_shows_has_an_id_and_an_answer(site: TestPublisher) -> None:
    folder = site.settings.folders.site
    known = json.loads((folder / "queries.json").read_text(encoding="utf-8"))
    assert len(known) > 30
    shown: set[str] = set()
    for page in [*folder.glob("*.html"), *folder.glob("experiments/*.html")]:
        text = html.unescape(page.read_text(encoding="utf-8"))
        found = re.findall(r"askwell query --from-report (\S+)\s*duckdb -readonly askwell.duckdb \"([^\"]+)\"", text)
        assert len(found) == text.count("duckdb -readonly askwell.duckdb"), page
        for name, sql in found:
            assert known[name]["sql"] == sql
            shown.add(name)
    assert shown == set(known)
    with open_database(site.settings.folders.database) as database:
        for name, query in known.items():
            assert database.sql(query["sql"]).pl().width > 0, name


def test_the_command_runs_the_query_of_a_page(site: TestPublisher) -> None:
    known = json.loads((site.settings.folders.site / "queries.json").read_text(encoding="utf-8"))
    name = next(name for name in known if name.startswith("experiments/thanks/trust/"))
    rows = json.loads(ask(site, name).stdout)
    assert {"sample_ratio", "one_donor"} <= {row["check_name"] for row in rows}


def test_an_id_that_no_page_shows_is_answered_with_those_near_it(site: TestPublisher) -> None:
    done = ask(site, "experiments/thanks/trust/99")
    assert done.returncode == 1
    assert "No page has a query experiments/thanks/trust/99" in done.stderr
    assert "experiments/thanks/trust/1" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_dictionary_page_tells_of_every_column_and_macro(site: TestPublisher) -> None:
    page = site.settings.folders.site / "dictionary.html"
    text = html.unescape(re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8")))
    with open_database(site.settings.folders.database) as database:
        columns = database.sql("SELECT table_name, column_name, column_meaning FROM data_dictionary").fetchall()
        macros = database.sql("SELECT macro_name FROM macros WHERE NOT starts_with(macro_meaning, 'Helper')").fetchall()
    plain = re.sub(r"[\s\u00a0\u2060]+", " ", text)
    for table, column, meaning in columns:
        assert column in plain, (table, column)
        assert re.sub(r"\s+", " ", meaning.replace("`", "")) in plain, (table, column)
    assert all(name in plain for (name,) in macros)
    assert "dictionary.html" in (site.settings.folders.site / "index.html").read_text(encoding="utf-8")


def test_every_page_made_from_a_real_database_stays_inside_its_budget(site: TestPublisher) -> None:
    pages = list(site.settings.folders.site.rglob("*.html"))
    assert {"dictionary.html", "index.html"} <= {page.name for page in pages}
    for page in pages:
        assert page.stat().st_size <= 160_000, page.name

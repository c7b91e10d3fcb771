"""The site on disk: whole or not at all, only what changed, earlier days as they were."""

from __future__ import annotations

import gzip
import json
import os
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import plotly.offline
import polars as pl
import pytest

from analysis.experiment_result import Edition
from analysis.result_tables import CHECKS, ESTIMATES
from dashboards import site as site_module
from dashboards.html import STATIC
from dashboards.phrasing.verdicts import verdict_words
from dashboards.site import SiteError, build_site
from tests.dashboards.builders import AUDIENCE, EDITION, HOSTILE, PROVEN, STORIES, TODAY, Story, tell
from tests.dashboards.conftest import health

FEW = (PROVEN, STORIES[1])


def publish(
    destination: Path, *, edition: Edition = EDITION, stories: tuple[Story, ...] = FEW
) -> site_module.SiteSummary:
    return build_site([tell(story, edition=edition) for story in stories], health(), edition, AUDIENCE, destination)


def inodes(destination: Path) -> dict[str, int]:
    root = destination.resolve()
    return {str(path.relative_to(root)): path.stat().st_ino for path in root.rglob("*.html")}


def later(edition: Edition = EDITION, *, days: int = 0) -> Edition:
    return Edition(
        edition.number + 1,
        edition.as_of + timedelta(days=days) if edition.as_of else None,
        edition.published_at + timedelta(days=days, hours=1),
    )


def test_every_page_has_its_place_and_every_link_leads_somewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        for link in re.findall(r'(?:href|src|data-plotly)="([^"#]+)"', page.read_text(encoding="utf-8")):
            if not link.startswith("data:"):
                assert (page.parent / link).resolve().is_file(), f"{page.name} links to {link}"
    for path in ("index.html", "health.html", "about.html"):
        assert (site / path).is_file()


def test_no_page_carries_an_inline_style_or_script_and_each_its_policy(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "default-src &#39;none&#39;" in text or "default-src 'none'" in text
        assert not re.search(r"<[^>]+\sstyle=", re.sub(r"<script type=.application/json.>.*?</script>", "", text))
        assert "<style" not in text.replace("&lt;style", "")
        assert not re.search(r"\son[a-z]+=\"", text.replace("&#34;", ""))


def test_a_page_says_word_for_word_what_the_verdict_says(site: Path) -> None:
    from html import unescape

    for story in STORIES:
        words = verdict_words(tell(story))
        text = unescape(re.sub(r"<[^>]+>", "", (site / "experiments" / f"{story.id}.html").read_text(encoding="utf-8")))
        for said in (words.headline, words.standfirst, words.advice):
            assert said in text


def test_pages_and_shared_files_stay_inside_their_budgets(site: Path) -> None:
    for page in [*site.glob("*.html"), *site.glob("experiments/*.html")]:
        content = page.read_bytes()
        assert len(content) <= 160_000, page.name
        assert len(gzip.compress(content)) <= 30_000, page.name
    shared = sum(file.stat().st_size for file in (site / "static").iterdir() if file.suffix != ".txt")
    assert shared <= 1_400_000


def test_plotly_is_of_the_version_that_the_figures_were_made_for() -> None:
    head = (STATIC / "plotly-basic.min.js").read_text(encoding="utf-8")[:300]
    assert f"plotly.js (basic - minified) v{plotly.offline.get_plotlyjs_version()}" in head
    assert "Licensed under the MIT license" in head


def test_the_fonts_and_scripts_come_with_their_licences(site: Path) -> None:
    assert {file.name for file in (site / "static").glob("LICENSE-*")} == {
        "LICENSE-plotly.txt",
        "LICENSE-source-sans-3.txt",
        "LICENSE-source-serif-4.txt",
    }


def test_building_again_with_a_new_edition_and_no_news_rewrites_no_page(tmp_path: Path) -> None:
    destination = tmp_path / "site"
    first = publish(destination)
    before = inodes(destination)
    second = publish(destination, edition=replace(later(), as_of=EDITION.as_of))
    assert (first.kept, second.written) == (0, 0)
    assert second.kept == first.written
    assert inodes(destination) == before
    assert "Edition 41" in (destination / "index.html").read_text(encoding="utf-8")


def test_one_changed_test_rewrites_its_page_and_the_front_page_only(tmp_path: Path) -> None:
    destination = tmp_path / "site"
    publish(destination)
    before = inodes(destination)
    changed = replace(FEW[1], notes=("A rate was missing for two contributions.",), name="Open to everybody")
    publish(destination, edition=replace(later(), as_of=EDITION.as_of), stories=(FEW[0], changed))
    after = inodes(destination)
    moved = {path for path in after if after[path] != before.get(path)}
    assert moved == {
        "index.html",
        f"experiments/{changed.id}.html",
        "as-of/2026-11-09/index.html",
        f"as-of/2026-11-09/experiments/{changed.id}.html",
    }


def test_a_new_day_leaves_the_pages_of_the_day_before_as_they_were(tmp_path: Path) -> None:
    destination = tmp_path / "site"
    publish(destination)
    kept = (destination / "as-of/2026-11-09/index.html").read_bytes()
    page = (destination / "as-of/2026-11-09/experiments/because-of-you.html").read_bytes()
    publish(destination, edition=later(days=1))
    assert (destination / "as-of/2026-11-09/index.html").read_bytes() == kept
    assert (destination / "as-of/2026-11-09/experiments/because-of-you.html").read_bytes() == page
    assert (destination / "as-of/2026-11-10/index.html").is_file()
    archive = (destination / "archive.html").read_text(encoding="utf-8")
    assert "as-of/2026-11-09/index.html" in archive
    assert "as-of/2026-11-10/index.html" in archive


def test_archived_pages_are_still_and_say_so(site: Path) -> None:
    text = (site / "as-of/2026-11-09/experiments/because-of-you.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "This is how the page stood" in text


class Killed(BaseException):
    """The machine stops."""


@pytest.mark.parametrize("step", ["fsync", "rename", "symlink_to", "replace"])
@pytest.mark.parametrize("moment", [1, 2, 5])
def test_killed_at_any_step_the_reader_sees_the_old_site_or_the_new_one_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, moment: int
) -> None:
    destination = tmp_path / "site"
    publish(destination)
    old = whole(destination)
    owner, calls = (Path if step == "symlink_to" else os), 0
    real = getattr(owner, step)

    def dying(*arguments: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        if calls == moment:
            raise Killed
        return real(*arguments, **named)

    monkeypatch.setattr(owner, step, dying)
    try:
        publish(destination, edition=later(days=1))
        died = False
    except Killed:
        died = True
    monkeypatch.undo()
    if died:
        assert whole(destination) == old
    publish(destination, edition=later(days=1))
    assert "Tue 10 Nov 2026" in (destination / "index.html").read_text(encoding="utf-8")
    assert not list((tmp_path / ".site.builds").glob("building*"))
    assert not (tmp_path / ".site.link").exists()


def whole(destination: Path) -> dict[str, bytes]:
    """Every page that the manifest names, with its content."""
    manifest = json.loads((destination / "site.json").read_text(encoding="utf-8"))
    return {path: (destination / path).read_bytes() for path in manifest["pages"]}


def test_a_reader_with_the_last_site_open_can_go_on_reading_it(tmp_path: Path) -> None:
    destination = tmp_path / "site"
    publish(destination)
    opened = destination.resolve()
    publish(destination, edition=later(days=1))
    assert (opened / "index.html").is_file()
    publish(destination, edition=later(later(days=1), days=1))
    assert not opened.exists(), "one build is kept, not all"


def test_a_folder_that_askwell_did_not_make_is_left_alone(tmp_path: Path) -> None:
    destination = tmp_path / "site"
    destination.mkdir()
    (destination / "precious.txt").write_text("mine")
    with pytest.raises(SiteError, match=r"no site of Askwell's"):
        publish(destination)
    assert (destination / "precious.txt").read_text() == "mine"


def test_a_copied_site_is_taken_over_with_its_earlier_days(tmp_path: Path) -> None:
    publish(tmp_path / "first")
    site_module.shutil.copytree((tmp_path / "first").resolve(), tmp_path / "site")
    publish(tmp_path / "site", edition=later(days=1))
    assert (tmp_path / "site").is_symlink()
    assert (tmp_path / "site/as-of/2026-11-09/index.html").is_file()


def test_a_site_without_a_single_test_says_how_to_begin(tmp_path: Path) -> None:
    from analysis.result_tables import LEDGER, QUARANTINE_REASONS, ROWS_PER_DAY
    from dashboards.health import HealthTables

    empty = HealthTables(LEDGER.frame(), QUARANTINE_REASONS.frame(), ROWS_PER_DAY.frame())
    edition = replace(EDITION, as_of=None)
    build_site([], empty, edition, AUDIENCE, tmp_path / "site")
    text = (tmp_path / "site/index.html").read_text(encoding="utf-8")
    assert "No test has run yet" in text
    assert "askwell plan" in text
    assert "No data has landed yet" in (tmp_path / "site/health.html").read_text(encoding="utf-8")


def test_late_data_is_said_on_every_page(tmp_path: Path) -> None:
    late = replace(EDITION, published_at=EDITION.published_at + timedelta(days=2))
    publish(tmp_path / "site", edition=late)
    for name in ("index.html", "health.html", "experiments/because-of-you.html"):
        text = (tmp_path / "site" / name).read_text(encoding="utf-8")
        assert "Data ends on Mon 9 Nov 2026; the 2 days after it have not arrived." in text


def test_hostile_names_reach_no_file_name_and_no_markup(site: Path) -> None:
    text = (site / "experiments" / f"{HOSTILE.id}.html").read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "\u202e" not in re.sub(r'<div class="appeal".*?</article>', "", text, flags=re.DOTALL)


def test_finished_tests_beyond_the_last_twenty_stand_on_a_page_a_year() -> None:
    from dashboards.frontpage import finished_reports

    ended = replace(STORIES[6], planned_days=10)
    results = [tell(replace(ended, id=f"test-{number}", name=f"Test {number}")) for number in range(3)]
    many = [
        replace(results[number % 3], experiment=results[number % 3].experiment.model_copy(update={"id": f"t{number}"}))
        for number in range(500)
    ]
    (older,) = finished_reports(many, AUDIENCE)
    assert sum(len(found.rows) for found in older.lists) == 480


def test_the_health_page_balances_every_kind_and_names_the_gap(site: Path) -> None:
    text = (site / "health.html").read_text(encoding="utf-8")
    assert "Nothing arrived for 3 Nov." in text
    assert text.count("Balanced") == 3
    assert "&lt;script&gt;" in text
    assert "<script" not in text.replace("&lt;script", "")


def test_a_row_that_went_missing_is_the_headline_of_the_health_page() -> None:
    from dashboards.health import health_report

    tables = health()
    broken = tables.ledger.with_columns(
        pl.when(pl.col("file_id") == 1).then(pl.col("accepted") - 7).otherwise(pl.col("accepted")).alias("accepted")
    )
    page = health_report(replace(tables, ledger=broken), AUDIENCE, EDITION)
    assert page.headline == "7 rows are not accounted for"


def test_the_health_page_marks_open_days_and_shows_links_and_rows_without_an_id() -> None:
    from dashboards.blocks import Table
    from dashboards.health import health_report

    assert EDITION.as_of is not None
    tomorrow = EDITION.as_of + timedelta(days=1)
    tables = health()
    more = pl.DataFrame(
        [(kind, tomorrow, 9, 1, 0) for kind in ("appeal_events", "identity_links")],
        schema=tables.rows_per_day.schema,
        orient="row",
    )
    page = health_report(replace(tables, rows_per_day=pl.concat([tables.rows_per_day, more])), AUDIENCE, EDITION)
    found = {block.caption: block for section in page.sections for block in section.blocks if isinstance(block, Table)}
    days = found["Accepted rows per day"]
    assert [column.label for column in days.columns][1:] == [
        "Pageviews", "Appeal events", "Contributions", "Links between ids"
    ]  # fmt: skip
    assert [row.head.text.endswith("(still open)") for row in days.rows[:2]] == [True, False]
    without = found["Accepted rows without a reader's id"]
    assert len(without.rows) == 3
    events = tables.rows_per_day.filter(pl.col("kind") == "appeal_events")
    assert without.rows[1].cells[1].text == f"{events['without_reader'].sum() + 1:,}"


def test_the_numbers_of_every_figure_come_as_csv_that_no_spreadsheet_runs(site: Path) -> None:
    import csv
    import io

    from dashboards.site import csv_text

    page = (site / "experiments" / f"{PROVEN.id}.html").read_text(encoding="utf-8")
    for section in ("money", "evidence", "funnel", "split", "groups", "cost"):
        name = f"data/{PROVEN.id}-{section}.csv"
        assert f'href="../{name}" download' in page
        rows = list(csv.reader(io.StringIO((site / name).read_text(encoding="utf-8-sig"))))
        assert len(rows) > 1
        assert {len(row) for row in rows} == {len(rows[0])}
    assert csv_text([("=1+1", -1.5, None)]) == "\ufeff'=1+1,-1.5,\r\n"


def test_a_report_before_the_upgrade_cannot_say_which_change_it_was() -> None:
    from dashboards.frontpage import index_report

    result = tell(PROVEN)
    yesterday = TODAY - timedelta(days=1)
    since = replace(result, previous_decision={**result.decision, "as_of": yesterday})
    whole = (pl.col("basis") == "exposed") & (pl.col("segment_kind") == "all") & (pl.col("metric") == "conversion")
    before = result.variant_results.filter((pl.col("as_of") == yesterday) & whole)
    told = (int(before["n"].sum()) - 40, int(before["x"].sum()) + 1)
    (new, anew) = index_report([replace(since, previous_counts=told)], AUDIENCE, EDITION).changes
    assert new.startswith("New readers: ")
    assert anew.startswith("Counted anew up to 8 Nov: readers differ by 40 and outcomes by 1, because rows came late")


def test_the_columns_of_each_table_are_folded_so_that_the_dictionary_can_be_overlooked(site: Path) -> None:
    page = (site / "dictionary.html").read_text(encoding="utf-8")
    for table in (ESTIMATES, CHECKS):
        section = page.partition(f'<section id="table-{table.name}"')[2].partition("</section>")[0]
        assert f"<summary>{len(table.columns)} columns</summary>" in section

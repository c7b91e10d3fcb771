"""A page whose inputs are the same is not made again; whatever it is made from, once changed, makes it anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from analysis.branding import Look
from analysis.experiment_result import Audience, Edition, ExperimentResult
from dashboards import page_inputs
from dashboards import site as site_module
from dashboards.site import QUERIES, SiteSummary, build_site
from tests.dashboards.builders import AUDIENCE, EDITION, PROVEN, TODAY, tell
from tests.dashboards.conftest import health

PAGE = f"experiments/{PROVEN.id}.html"
NEXT = Edition(EDITION.number + 1, EDITION.as_of, EDITION.published_at + timedelta(hours=1))


@dataclass
class Press:
    """A site, and the tests whose pages the last build made."""

    site: Path
    made: list[str]

    def publish(
        self, result: ExperimentResult, edition: Edition = EDITION, audience: Audience = AUDIENCE
    ) -> SiteSummary:
        self.made.clear()
        told = replace(result, edition=edition, audience=audience)
        return build_site([told], health(), edition, audience, self.site)

    def text(self, path: str = PAGE) -> str:
        return (self.site / path).read_text(encoding="utf-8")


@pytest.fixture
def press(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Press:
    made: list[str] = []
    real = site_module.experiment_report

    def counted(result: ExperimentResult) -> object:
        made.append(result.experiment.id)
        return real(result)

    monkeypatch.setattr(site_module, "experiment_report", counted)
    return Press(tmp_path / "site", made)


def test_a_page_with_the_same_inputs_is_not_made_and_keeps_its_files_and_queries(press: Press) -> None:
    press.publish(tell(PROVEN))
    assert press.made == [PROVEN.id]
    before, queries, inode = press.text(), press.text(QUERIES), (press.site / PAGE).stat().st_ino
    summary = press.publish(tell(PROVEN), NEXT)
    assert press.made == []
    assert summary.written == 0
    assert (press.text(), press.text(QUERIES), (press.site / PAGE).stat().st_ino) == (before, queries, inode)
    assert (press.site / f"data/{PROVEN.id}-money.csv").is_file()
    assert (press.site / f"as-of/{TODAY}/{PAGE}").is_file()


def test_a_finished_test_costs_nothing_on_later_days(press: Press) -> None:
    ended = tell(PROVEN)
    ended = replace(ended, experiment=ended.experiment.model_copy(update={"planned_end": TODAY - timedelta(days=8)}))
    press.publish(ended)
    assert EDITION.as_of is not None
    tomorrow = Edition(NEXT.number, EDITION.as_of + timedelta(days=1), EDITION.published_at + timedelta(days=1))
    press.publish(ended, tomorrow)
    assert press.made == []
    assert f"Edition {EDITION.number}" in press.text()


def _with_text(result: ExperimentResult) -> ExperimentResult:
    first, *others = result.experiment.variants
    changed = first.model_copy(update={"name": "Another name"})
    return replace(result, experiment=result.experiment.model_copy(update={"variants": (changed, *others)}))


def _with_statistic(result: ExperimentResult) -> ExperimentResult:
    rows = result.variant_results.with_columns(pl.col("n") + pl.int_range(pl.len()).eq(0).cast(pl.Int64))
    return replace(result, variant_results=rows)


CHANGES: dict[str, Callable[[ExperimentResult], ExperimentResult]] = {
    "a text": _with_text,
    "a statistic": _with_statistic,
    "a check": lambda result: replace(result, checks=result.checks.head(1)),
    "the funnel": lambda result: replace(result, funnel=result.funnel.clear()),
    "the verdict": lambda result: replace(result, decision={**result.decision, "verdict": "keep_asking"}),
    "the verdict before": lambda result: replace(
        result, previous_decision={**result.decision, "verdict": "too_early", "as_of": date(2026, 11, 1)}
    ),
    "the cap": lambda result: replace(result, cap_minor=7),
    "the window": lambda result: replace(result, window_hours=49),
    "traffic": lambda result: replace(result, daily_readers=12.0),
    "a note": lambda result: replace(result, notes=("A rate was missing.",)),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_input_makes_the_page_anew(press: Press, what: str) -> None:
    press.publish(tell(PROVEN))
    press.publish(CHANGES[what](tell(PROVEN)), NEXT)
    assert press.made == [PROVEN.id]


def test_a_changed_language_name_zone_or_look_makes_the_page_anew(press: Press) -> None:
    press.publish(tell(PROVEN))
    for other in (
        replace(AUDIENCE, language="de"),
        replace(AUDIENCE, publisher="The Other Paper"),
        replace(AUDIENCE, currency="USD"),
        replace(AUDIENCE, look=Look(link="#004488")),
    ):
        press.publish(tell(PROVEN, other), NEXT, other)
        assert press.made == [PROVEN.id], other
    press.publish(tell(PROVEN), NEXT, replace(AUDIENCE, language="de"))
    assert '<html lang="de' in press.text()


def test_a_changed_template_or_rule_makes_the_page_anew(
    press: Press, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    press.publish(tell(PROVEN))
    before = page_inputs.code()
    copied = tmp_path / "dashboards"
    site_module.shutil.copytree(Path(page_inputs.dashboards.__path__[0]), copied)
    template = copied / "templates" / "page.html"
    template.write_text(template.read_text(encoding="utf-8") + "\n<!-- new -->", encoding="utf-8")
    monkeypatch.setattr(page_inputs.dashboards, "__path__", [str(copied)])
    page_inputs.code.cache_clear()
    try:
        assert page_inputs.code() != before
        press.publish(tell(PROVEN), NEXT)
    finally:
        page_inputs.code.cache_clear()
    assert press.made == [PROVEN.id]


@pytest.mark.parametrize("lost", [PAGE, f"data/{PROVEN.id}-money.csv", f"as-of/{TODAY}/{PAGE}"])
def test_a_file_that_went_missing_is_made_again(press: Press, lost: str) -> None:
    press.publish(tell(PROVEN))
    (press.site / lost).unlink()
    press.publish(tell(PROVEN), NEXT)
    assert press.made == [PROVEN.id]
    assert (press.site / lost).is_file()


def test_a_site_built_before_there_were_inputs_is_made_once_more(press: Press) -> None:
    press.publish(tell(PROVEN))
    manifest = press.site / "site.json"
    content = json.loads(manifest.read_text(encoding="utf-8"))
    del content["batches"]
    manifest.write_text(json.dumps(content), encoding="utf-8")
    assert press.publish(tell(PROVEN), NEXT).written == 0
    assert press.made == [PROVEN.id]

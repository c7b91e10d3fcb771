"""The site of an edition: what the warehouse holds becomes pages, and what the pages tell is held against it."""

from __future__ import annotations

import html
from collections.abc import Sequence

from analysis.edition import Draft, audience_of, results, stamp_of
from analysis.registry import Experiment
from analysis.store import Warehouse
from dashboards.health import HealthTables
from dashboards.phrasing import verdict_words
from dashboards.site import SiteSummary, build_site


def publish_site(warehouse: Warehouse, experiments: Sequence[Experiment], edition: Draft) -> SiteSummary:
    """Build the site of an edition and put it in place; only pages that changed are written."""
    settings = warehouse.settings
    health = HealthTables(warehouse.ledger(), warehouse.quarantine_reasons(), warehouse.rows_per_day())
    return build_site(
        results(warehouse, experiments, edition),
        health,
        stamp_of(edition),
        audience_of(settings),
        settings.folders.site,
    )


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

"""Every gift says what ties it to a variant; what nothing ties is counted, and told by variant."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import duckdb
import polars as pl
import pytest

from tests.builders import TestPublisher, appeal_event, gift

LATER = appeal_event("10-27 12:00", "closing")
FORM: dict[str, Any] = {"experiment_id": "thanks", "variant_id": "thanks"}


def land(publisher: TestPublisher) -> None:
    publisher.land(
        "appeal_events",
        [
            *(
                appeal_event("10-05 12:00", who, "thanks")
                for who in ("formed", "clicked", "same", "other", "late", "click-after")
            ),
            appeal_event("10-05 12:10", "clicked", "thanks", "clicked"),
            appeal_event("10-05 14:00", "click-after", "thanks", "clicked"),
            appeal_event("10-05 12:00", "robot", "thanks", is_bot=True),
            LATER,
        ],
    )
    publisher.land(
        "contributions",
        [
            gift("10-05 13:00", "formed", contribution_id="g-field", **FORM),
            gift("10-05 13:00", "clicked", contribution_id="g-click"),
            gift("10-05 13:00", "same", contribution_id="g-reader"),
            gift("10-05 13:00", "click-after", contribution_id="g-click-after"),
            gift("10-05 13:00", "other", contribution_id="g-other", experiment_id="thanks", variant_id="current"),
            gift("10-20 13:00", "late", contribution_id="g-late", **FORM),
            gift("10-20 13:00", "same", contribution_id="g-no-concern"),
            gift("10-05 13:00", None, contribution_id="g-nobody", **FORM),
            gift("10-05 13:00", None, contribution_id="g-nothing"),
            gift("10-05 13:00", "stranger", contribution_id="g-stranger", **FORM),
            gift("10-05 13:00", "robot", contribution_id="g-robot", **FORM),
            gift("10-05 13:00", "stranger", contribution_id="g-declined", status="failed", **FORM),
            gift("10-05 13:00", "stranger", contribution_id="g-unknown", experiment_id="thanks", variant_id="gone"),
        ],
    )


ROUTES = {
    "g-field": "field",
    "g-click": "click",
    "g-reader": "reader",
    "g-click-after": "reader",
    "g-other": "other_field",
    "g-late": "outside_window",
    "g-nobody": "no_reader",
    "g-stranger": "not_exposed",
}


def test_each_gift_says_what_ties_it_and_the_counts_are_those_of_the_gifts(publisher: TestPublisher) -> None:
    from askwell.run import execute

    land(publisher)
    execute(publisher.folder / "askwell.toml", lambda *_: None, clock=lambda: datetime(2026, 11, 1, 9, tzinfo=UTC))
    with duckdb.connect(str(publisher.settings.folders.database), read_only=True) as database:
        found = dict(database.execute("SELECT contribution_id, route FROM gift_routes").fetchall())
        assert found == ROUTES
        by_gift = database.execute(
            "SELECT variant_id, route, is_tied, count(*), sum(reporting_minor) FROM gift_routes GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        told = database.execute(
            "SELECT variant_id, route, is_tied, gifts, value_minor FROM tied_gifts ORDER BY ALL"
        ).fetchall()
    assert by_gift == told
    page = (publisher.settings.folders.site / "experiments" / "thanks.html").read_text(encoding="utf-8")
    assert "Not tied: no reader is named" in page


@pytest.mark.parametrize("ranges", [1, 7])
def test_routes_do_not_depend_on_how_readers_are_shared_out(
    publisher: TestPublisher, ranges: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.duckdb_engine.READERS_PER_RANGE", 8 // ranges)
    land(publisher)
    found = publisher.statistics().tied_gifts
    assert dict(found.filter(pl.col("variant_id") == "thanks").select("route", "gifts").iter_rows()) == {
        "field": 1,
        "click": 1,
        "reader": 2,
        "other_field": 1,
        "outside_window": 1,
        "no_reader": 1,
        "not_exposed": 1,
    }

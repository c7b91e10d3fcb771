"""The catalogue of appeals: parts, what differs, and which words stood from when to when."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import polars as pl

from analysis.database import open_database
from analysis.edition import draft, publish, write_decisions, write_estimates, write_statistics
from analysis.registry import Appeal, Experiment, Variant
from analysis.wording.catalogue import APPEAL_PARTS, PARTS, appeal_parts, parts_that_differ
from tests.builders import NOW, TestPublisher, appeal_event

CURRENT = Appeal(headline="We need your help", body="Give today.", amounts=(Decimal(3), Decimal(7)), button="Give")
OTHER = Appeal(headline="We need your support!", body="Give today!", amounts=(Decimal(5), Decimal(7)), image="cat.jpg")


def experiment(*appeals: Appeal) -> Experiment:
    return Experiment(
        id="parts",
        name="Parts",
        hypothesis="A part.",
        surface="donation",
        owner="growth@example.org",
        starts=date(2026, 10, 1),
        planned_end=date(2026, 10, 28),
        control="current",
        placement="below the article",
        language="en-GB",
        variants=tuple(
            Variant(id=name, appeal=appeal)
            for name, appeal in zip(("current", "other", "third"), appeals, strict=False)
        ),
    )


def test_parts_that_differ_are_named_in_reading_order_and_closing_marks_do_not_count() -> None:
    assert parts_that_differ(CURRENT, OTHER) == ("headline", "button", "amounts", "image")
    assert parts_that_differ(CURRENT, CURRENT) == ()


def test_every_part_has_its_words_new_and_replaced() -> None:
    frame = appeal_parts([experiment(CURRENT, OTHER)])
    assert frame.schema == pl.Schema(APPEAL_PARTS.schema)
    other = {row["part"]: row for row in frame.filter(variant_id="other").to_dicts()}
    assert list(other) == ["headline", "body", "button", "amounts", "image"]
    assert (other["headline"]["new_words"], other["headline"]["replaced_words"]) == ("support!", "help")
    assert not other["body"]["is_changed"]
    assert (other["button"]["text"], other["button"]["replaced_words"]) == ("", "Give")
    assert (other["amounts"]["text"], other["amounts"]["control_text"]) == ("5, 7", "3, 7")
    assert {row["language"] for row in other.values()} == {"en-GB"}
    assert not frame.filter(variant_id="current")["is_changed"].any()


def test_a_rewritten_part_lists_no_words() -> None:
    frame = appeal_parts(
        [experiment(Appeal(body="One two three four."), Appeal(body="Quite another text altogether."))]
    )
    row = frame.filter(variant_id="other").to_dicts()[0]
    assert row["is_changed"]
    assert row["is_rewritten"]
    assert (row["new_words"], row["replaced_words"]) == ("", "")


def test_the_parts_are_all_of_an_appeal() -> None:
    assert set(PARTS) == set(Appeal.model_fields)


def test_a_registry_of_none_has_no_parts() -> None:
    assert appeal_parts([]).height == 0


def test_a_text_that_is_changed_while_a_test_runs_stays_in_the_history(publisher: TestPublisher) -> None:
    path = publisher.register()
    publisher.land("appeal_events", [appeal_event("10-05 12:00", f"r{reader}") for reader in range(20)])
    publish_edition(publisher)
    publish_edition(publisher)  # nothing new: no edition, and no second copy of the parts
    path.write_text(path.read_text().replace("Thank you for reading", "Thanks for reading' OR 1=1"), encoding="utf-8")
    publish_edition(publisher)
    with open_database(publisher.settings.folders.database) as database:
        rows = database.sql(
            "SELECT text, first_edition, last_edition, is_current FROM appeal_history "
            "WHERE variant_id = 'thanks' AND part = 'headline' ORDER BY first_edition"
        ).fetchall()
    assert rows == [("Thank you for reading", 1, 1, False), ("Thanks for reading' OR 1=1", 2, 2, True)]


def publish_edition(publisher: TestPublisher) -> None:
    publisher.statistics(NOW + timedelta(minutes=1))
    warehouse, experiments = publisher.warehouse, publisher.experiments
    with warehouse.writing():
        edition = draft(warehouse, experiments, NOW)
        write_statistics(warehouse, experiments, edition)
        write_estimates(warehouse, experiments, edition)
        write_decisions(warehouse, experiments, edition)
        publish(warehouse, experiments, edition)

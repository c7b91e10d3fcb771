"""The page of an experiment as data: the right sections in order, with the numbers of the tables."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from analysis.experiment_result import ExperimentResult
from analysis.registry import Allocation
from dashboards.blocks import Cards, Definitions, Lines, Page, Section, Sentences, Table, TableRow
from dashboards.experiment.page import experiment_report
from dashboards.phrasing.voice import voice
from dashboards.reading import DAYS_PER_MONTH, Reading, money_at_stake
from tests.dashboards import builders
from tests.dashboards.builders import AUDIENCE, STORIES, UNDATED, tell

BRITISH = voice(AUDIENCE)
ORDER = [
    "money",
    "wordings",
    "trust",
    "counted",
    "evidence",
    "funnel",
    "split",
    "kinds",
    "robustness",
    "methods",
    "groups",
    "cost",
    "adjusted",
    "metrics",
    "unknown",
    "plan",
]


def section(page: Page, name: str) -> Section:
    return next(found for found in page.sections if found.id == name)


def table(page: Page, name: str) -> Table:
    return next(block for block in section(page, name).blocks if isinstance(block, Table))


def texts(page: Page, name: str) -> str:
    found = [block for block in section(page, name).blocks if isinstance(block, Sentences)]
    return " ".join(sentence for block in found for sentence in block.sentences)


@pytest.mark.parametrize("story", [*STORIES, *UNDATED], ids=lambda story: story.id)
def test_sections_stand_in_the_order_a_person_reads(story: builders.Story) -> None:
    names = [found.id for found in experiment_report(tell(story)).sections]
    assert names == [name for name in ORDER if name in names]
    assert {"money", "wordings", "trust", "unknown", "plan"} <= set(names)


def test_the_money_table_prints_the_numbers_of_the_result() -> None:
    result = tell(builders.PROVEN)
    rows = table(experiment_report(result), "money").rows
    reading = Reading(result)
    for row, arm in zip(rows, reading.arms, strict=True):
        value, rate = reading.mean("value", arm.id), reading.mean("conversion", arm.id)
        assert value is not None
        assert rate is not None
        assert [cell.text for cell in row.cells[:2]] == [BRITISH.money(value * 1_000), BRITISH.per_100_000(rate)]
        assert row.cells[3].text == BRITISH.count(reading.readers(arm.id) or 0)
    comparison = reading.comparison("b", "value")
    assert comparison is not None
    assert rows[1].cells[4].text == BRITISH.money(comparison.difference or 0, plus=True)


def test_worth_a_month_is_the_loss_of_keeping_the_control_less_that_of_the_variant() -> None:
    """Two ways to the same expectation (docs/methods/decision.md): the lognormal mean, and the two expected losses."""
    result = tell(builders.BEST_BET)
    reading = Reading(result)
    worth, comparison = reading.worth("b"), reading.comparison("b", "value")
    assert worth is not None
    assert comparison is not None
    gain = (comparison.number("loss_control_per_1000") or 0) - (comparison.number("loss_variant_per_1000") or 0)
    assert worth.expected == pytest.approx(gain * (result.daily_readers or 0) * DAYS_PER_MONTH / 1_000, rel=1e-9)
    assert money_at_stake(result) == pytest.approx(abs(worth.expected))


def test_a_paywall_page_never_speaks_of_gifts() -> None:
    page = experiment_report(tell(builders.PAYWALL))
    said = repr(page.sections) + page.standfirst + repr(page.figures)
    plain = said.replace("contributions", "").replace("'contributed'", "").replace("contributed'", "")
    for banned in ("gift", "donation", "contributor"):
        assert banned not in plain.lower()
    assert "subscribers" in said


def test_a_paywall_blocks_before_it_is_seen_so_no_step_is_more_than_the_one_before() -> None:
    rows = table(experiment_report(tell(builders.PAYWALL)), "funnel").rows
    steps = [row.head.text for row in rows]
    assert steps.index("Were blocked") < steps.index("Saw the paywall") < steps.index("Clicked")
    shares = [cell.note for row in rows for cell in row.cells if cell.note]
    assert shares
    assert all(float(share.removesuffix("%")) <= 100 for share in shares)


def test_a_failed_check_stands_first_and_a_banner_above_everything() -> None:
    page = experiment_report(tell(builders.FIX_FIRST))
    (lines,) = [block for block in section(page, "trust").blocks if isinstance(block, Lines)]
    assert lines.lines[0].status == "block"
    assert lines.lines[0].text == "Planned 50/50, seen 50.62/49.38."
    assert page.banner.startswith("A trust check failed")
    assert page.figures[1].figure == "Withheld"


def test_absent_numbers_say_why_and_are_never_nought() -> None:
    page = experiment_report(tell(builders.WITHOUT_SPREAD))
    assert "The totals carry no spread" in page.figures[0].below
    assert page.figures[1].figure == "Not known"
    assert page.hero is None
    assert "One reader may stand behind many views" in texts(page, "unknown")
    nothing = experiment_report(tell(builders.NOTHING_YET))
    assert [cell.text for cell in table(nothing, "money").rows[1].cells] == [
        "not known", "not known", "none yet", "nobody yet", "Not known",
    ]  # fmt: skip


def test_a_group_with_few_contributors_is_listed_not_drawn() -> None:
    small = replace(
        builders.PROVEN, arms=tuple(replace(arm, n=arm.n // 20, x=arm.x // 20) for arm in builders.PROVEN.arms)
    )
    rows = table(experiment_report(tell(small)), "groups").rows
    assert {row.cells[2].text for row in rows if row.head.text == "Tablet"} == {"Too few to tell"}
    assert all(row.cells[2].strip is None for row in rows if row.head.text == "Tablet")


def test_the_heading_over_the_evidence_claims_a_lead_only_where_the_range_has_held() -> None:
    assert section(experiment_report(tell(builders.PROVEN)), "evidence").heading.startswith(
        "“Because of you” has stayed above zero"
    )
    for story in (builders.BEST_BET, builders.KEEP_ASKING, builders.FIX_FIRST, builders.CONTROL_STAYS):
        assert section(experiment_report(tell(story)), "evidence").heading == "How the evidence grew"


def test_every_section_with_numbers_names_the_query_that_rebuilds_them() -> None:
    result = tell(builders.PROVEN)
    import duckdb

    with duckdb.connect() as connection:
        for name, frame in (
            ("estimates", result.estimates),
            ("variant_results", result.variant_results),
            ("checks", result.checks),
            ("funnel", result.funnel),
            ("special_readers", result.special_readers),
            ("tied_gifts", result.tied_gifts),
            ("strangers", result.strangers),
            ("decisions", pl.DataFrame([result.decision])),
        ):
            connection.register(name, frame)
        for found in experiment_report(result).sections:
            assert found.queries or found.id in ("wordings", "unknown")
            for query in found.queries:
                assert connection.sql(query.sql).pl().height > 0, query.sql


def test_who_is_counted_is_told_with_each_rule_turned_round() -> None:
    counted = section(experiment_report(tell(builders.PROVEN)), "counted")
    marked, tied = (block for block in counted.blocks if isinstance(block, Table))
    assert [row.head.text for row in marked.rows] == ["Paid before", "Crawlers"]
    assert [row.head.note.partition(" · ")[2] for row in marked.rows] == ["counted", "left out"]
    assert all(cell.text != "Not known" for row in marked.rows for cell in row.cells)
    assert [row.head.text for row in tied.rows][-1] == "Not tied: no reader is named"
    assert any("Exposures without a reader's id" in text for text in texts_of(counted))


def texts_of(found: Section) -> list[str]:
    return [text for block in found.blocks if isinstance(block, Sentences) for text in block.sentences]


def test_a_page_without_a_database_behind_it_names_no_query() -> None:
    assert not any(found.queries for found in experiment_report(tell(builders.WITHOUT_DATES)).sections)


def conclusions(result: ExperimentResult, variant: str = "B") -> dict[str, str]:
    rows = section_rows(experiment_report(result), "robustness")
    return {row.head.text: row.cells[-1].text for row in rows if row.letter == variant}


def with_metric(result: ExperimentResult, metric: str, **columns: float) -> ExperimentResult:
    """The result with other numbers in one metric's comparisons."""
    changed = [
        pl.when(pl.col("metric") == metric).then(pl.lit(value)).otherwise(pl.col(name)).alias(name)
        for name, value in columns.items()
    ]
    return replace(result, estimates=result.estimates.with_columns(changed))


def test_other_rules_stand_in_a_table_with_what_they_conclude() -> None:
    proven, bet = tell(builders.PROVEN), tell(builders.BEST_BET)
    assert conclusions(proven) == {
        "As registered": "what is compared",
        "Without the cap": "Yes: clear of zero",
        "Monthly payments counted for a year": "Yes: clear of zero",
        "Only readers who saw the appeal": "Yes: clear of zero",
        "Without its largest contributor": "The same sign",
        "Without the largest contributor of the current wording": "The same sign",
    }
    assert conclusions(bet)["Without the cap"] == "Yes: not clear of zero"
    assert "The sign stays the same." in texts(experiment_report(bet), "robustness")


def test_a_rule_that_concludes_otherwise_says_how() -> None:
    proven, bet = tell(builders.PROVEN), tell(builders.BEST_BET)
    turned = with_metric(proven, "value_uncapped", difference_per_1000=-900.0, difference_low=-2_000.0, difference_high=100.0)  # fmt: skip
    assert conclusions(turned)["Without the cap"] == "No: the sign turns"
    assert "In 2 rows the sign turns: look before you decide." in texts(experiment_report(turned), "robustness")
    faint = with_metric(bet, "value_uncapped", difference_per_1000=-90.0, difference_low=-2_000.0)
    assert conclusions(faint)["Without the cap"] == "The sign turns; neither is clear of zero"
    weaker = with_metric(proven, "value_uncapped", difference_low=-10.0)
    assert conclusions(weaker)["Without the cap"] == "Weaker: no longer clear of zero"
    clearer = with_metric(bet, "value_uncapped", difference_low=10.0)
    assert conclusions(clearer)["Without the cap"] == "Clearer: only here clear of zero"


def test_who_gave_once_and_who_gave_regularly_stand_apart() -> None:
    page = experiment_report(tell(builders.PROVEN))
    control, because, _ = section_rows(page, "kinds")
    assert [cell.text for cell in control.cells] == ["462", "—", "142", "—", "24%"]
    assert because.cells[1].text == "+104"
    assert because.cells[1].note == "+53 to +161"
    assert not any("Gave once" in row.head.text for row in section_rows(page, "metrics"))


def section_rows(page: Page, name: str) -> list[TableRow]:
    return [row for found in page.sections if found.id == name for block in found.blocks if isinstance(block, Table) for row in block.rows]  # fmt: skip


def test_cards_show_what_differs_part_by_part() -> None:
    page = experiment_report(tell(builders.PROVEN))
    (cards,) = [block for block in section(page, "wordings").blocks if isinstance(block, Cards)]
    assert [card.summary for card in cards.cards] == [
        "The current wording",
        "Headline, highlight and button rewritten; body changed",
        "Headline and button rewritten; body and amounts changed",
    ]
    assert [amount for amount, is_new in cards.cards[2].amounts if is_new] == ["5", "10", "25"]


def test_a_test_decided_by_contributions_shows_contributions_beside_its_headline() -> None:
    result = tell(builders.PROVEN)
    counted = replace(result, experiment=result.experiment.model_copy(update={"primary_metric": "conversion"}))
    page = experiment_report(counted)
    assert "Contributions per 100,000 readers asked" in page.hero_caption
    assert page.hero is not None
    assert "725" in page.hero


def test_the_picture_beside_the_headline_agrees_with_the_words_about_zero() -> None:
    """A bar clears the dashed line exactly where the range of the difference clears zero."""
    for story in STORIES:
        reading = Reading(tell(story))
        base = reading.mean("value", "current")
        for arm in reading.others:
            comparison = reading.comparison(arm.id, "value")
            if base is None or comparison is None or not comparison.difference_range.is_known:
                continue
            shifted = comparison.difference_range.shifted(base * 1_000)
            clears = (shifted.low or 0) > base * 1_000 or (shifted.high or 0) < base * 1_000
            assert clears == comparison.difference_range.clears_zero


def test_the_steps_of_the_split_add_up_to_the_difference_in_settled_value() -> None:
    reading = Reading(tell(builders.PROVEN))
    found = section(experiment_report(tell(builders.PROVEN)), "split")
    assert found.data[0] == ("step", "ratio", "share_of_control_value")
    total = sum(float(row[2]) for row in found.data[1:])  # type: ignore[arg-type]
    base, mean = reading.mean("value", "current"), reading.mean("value", "b")
    assert base is not None
    assert mean is not None
    assert abs(total - (mean / base - 1)) < 1e-12


def test_every_code_of_the_rule_is_said_in_words() -> None:
    import inspect
    import re

    from analysis import decisions
    from dashboards.phrasing.verdicts import _DECISION_STEPS

    rules = (decisions._judged, decisions._reasons, decisions._time_left)
    source = "".join(inspect.getsource(rule) for rule in rules)
    codes = set(re.findall(r'(?:pl\.lit\(|pl\.format\(|, )"([a-z]+(?:_[a-z]+)+)(?::\{\})?"', source)) - {
        "best_bet",
        "broken_metric",
    }
    assert {"trust_passed", "guardrail_broken", "too_few_days", "loss_unknown", "registered_end_reached"} <= codes
    assert codes <= set(_DECISION_STEPS)


def test_a_result_is_shown_without_its_largest_gift_under_the_rule_that_was_registered() -> None:
    result = tell(builders.PROVEN)
    lift = Reading(result).comparisons["value", "b"].number("lift")
    assert lift is not None
    details = [
        json.dumps({"share": 0.02, "lift": {"b": told}, "lift_without": {"b": without}})
        for told, without in ((lift + 0.01, 0.5), (lift, 0.1))
    ]
    rows = [{"experiment_id": "x", "check_name": "one_donor", "variant_id": "b", "status": "pass", "detail": detail} for detail in details]  # fmt: skip
    checks = pl.DataFrame(rows, schema=result.checks.schema)
    found = section_rows(experiment_report(replace(result, checks=checks)), "robustness")
    (row,) = [row for row in found if row.head.text.startswith("Without its largest")]
    assert [cell.text for cell in row.cells] == ["+£15.62", "no range", "The same sign"]


def test_groups_are_drawn_towards_each_other_only_from_four_on() -> None:
    said = texts(experiment_report(tell(builders.PROVEN)), "groups")
    assert "Fewer than four groups: shown as they are." in said
    assert "nothing shows that groups differ by device" in said


def test_the_plan_says_what_wordings_were_taken_to_differ_by_and_whether_that_was_learned() -> None:
    result = tell(builders.PROVEN)

    def said(tau: float, tests: int) -> str:
        told = result.estimates.with_columns(tau=pl.lit(tau), tau_tests=pl.lit(tests, dtype=pl.Int64))
        plan = section(experiment_report(replace(result, estimates=told)), "plan")
        items = next(block for block in plan.blocks if isinstance(block, Definitions)).items
        return dict(items)["How far wordings differ"]

    assert said(0.1, 29).startswith("Taken to be about 10%")
    assert said(0.1, 29).endswith("from 30 past tests on, and 29 are at hand")
    assert said(0.043, 120).startswith("About 4.3%, learned from 120 past tests")


def test_a_phone_tells_apart_two_columns_of_differences() -> None:
    (columns,) = (block.columns for block in section(experiment_report(tell(builders.PROVEN)), "kinds").blocks)  # type: ignore[union-attr]
    labels = [column.on_phone or column.label for column in columns]
    assert len(set(labels)) == len(labels)


def test_where_shares_changed_the_result_without_the_largest_giver_is_said_to_be_approximate() -> None:
    result = tell(builders.PROVEN)
    said = "the difference is approximate"
    assert said not in texts(experiment_report(result), "robustness")
    shares = {variant.id: 1.0 for variant in result.experiment.variants}
    epochs = tuple(Allocation(starts_at=datetime(2026, 10, day, tzinfo=UTC), shares=shares) for day in (1, 20))
    changed = replace(result, experiment=result.experiment.model_copy(update={"allocation": epochs}))
    assert said in texts(experiment_report(changed), "robustness")

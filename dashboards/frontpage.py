"""The front page as frozen data: what needs a person today, what is running, what is finished, and what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from analysis.experiment_result import Audience, Edition, ExperimentResult
from dashboards import svg
from dashboards.blocks import IndexRow, Page, RowList
from dashboards.charts import Axis, axis_of
from dashboards.phrasing import (
    CURRENT,
    Badge,
    Voice,
    decision_badge,
    lower_first,
    plain,
    plural,
    run_words,
    verdict_words,
    voice,
    wording,
)
from dashboards.reading import Range, Reading, money_at_stake

#: Verdicts that ask somebody to do something, the most urgent first.
ACTIONABLE = ("stop_harm", "fix_first", "use_it", "cannot_tell", "no_difference")

#: Days after its planned end during which a test with something to do still stands at the top.
GRACE = timedelta(days=7)

#: Finished tests on the front page; older ones stand on a page a year.
MOST_FINISHED = 20

#: Lines of what changed; the rest is a number.
MOST_CHANGES = 3


@dataclass(frozen=True)
class Shelf:
    """Where each result stands on the front page."""

    needs: tuple[ExperimentResult, ...]
    running: tuple[ExperimentResult, ...]
    finished: tuple[ExperimentResult, ...]


def shelve(results: Sequence[ExperimentResult]) -> Shelf:
    """Return the results by what a person has to do with them, each shelf in the order to read it."""
    needs, running, finished = [], [], []
    for result in results:
        as_of, end = result.edition.as_of, result.experiment.planned_end
        verdict = result.decision.get("verdict")
        if verdict in ACTIONABLE and (as_of is None or as_of <= end + GRACE):
            needs.append(result)
        elif as_of is None or as_of <= end:
            running.append(result)
        else:
            finished.append(result)

    def stake(result: ExperimentResult) -> float:
        return -(money_at_stake(result) or 0.0)

    needs.sort(key=lambda item: (ACTIONABLE.index(str(item.decision["verdict"])), stake(item), item.experiment.id))
    running.sort(key=lambda item: (stake(item), item.experiment.id))
    finished.sort(key=lambda item: (-item.experiment.planned_end.toordinal(), item.experiment.id))
    return Shelf(tuple(needs), tuple(running), tuple(finished))


def index_report(results: Sequence[ExperimentResult], audience: Audience, edition: Edition) -> Page:
    """Return the front page over all results of one edition."""
    spoken = voice(audience)
    shelf = shelve(results)
    axis = _shared_axis([*shelf.needs, *shelf.running, *shelf.finished[:MOST_FINISHED]], spoken)
    drawn = None if axis is None else svg.strip_axis(axis)
    title = f"Against {CURRENT}, per {spoken.count(1_000)}"
    years = sorted({result.experiment.planned_end.year for result in shelf.finished[MOST_FINISHED:]}, reverse=True)

    def listed_rows(
        id_: str,
        heading: str,
        found: Sequence[ExperimentResult],
        empty: str,
        lead: str = "",
        more: tuple[tuple[str, str], ...] = (),
    ) -> RowList:
        rows = tuple(_row(result, axis) for result in found)
        return RowList(id_, heading, lead, rows, empty, drawn if rows else None, title, more)

    lists = (
        listed_rows("needs", "Needs a person", shelf.needs, "Nothing needs a person today."),
        listed_rows("running", "Running", shelf.running, "No test is running."),
        listed_rows(
            "finished", "Finished", shelf.finished[:MOST_FINISHED], "No test has finished yet.",
            more=tuple((str(year), f"finished-{year}.html") for year in years),
        ),
    )  # fmt: skip
    as_of = edition.as_of
    return Page(
        path="index.html",
        is_kept=True,
        title="All tests",
        publisher=plain(audience.publisher),
        language=spoken.language_tag,
        kicker=() if as_of is None else (f"Appeals, {spoken.day(as_of)}",),
        headline=_headline(shelf),
        standfirst=_standfirst(results, shelf),
        counts=_counts(shelf),
        changes=changes(results),
        lists=lists if results else (),
        sections=(),
        as_of="" if as_of is None else spoken.day(as_of),
    )


def finished_reports(results: Sequence[ExperimentResult], audience: Audience) -> tuple[Page, ...]:
    """Return a page a year for the finished tests that are no longer on the front page, without strips."""
    spoken = voice(audience)
    older = shelve(results).finished[MOST_FINISHED:]
    pages = []
    for year in sorted({result.experiment.planned_end.year for result in older}, reverse=True):
        found = [result for result in older if result.experiment.planned_end.year == year]
        rows = tuple(_row(result, None) for result in found)
        pages.append(
            Page(
                path=f"finished-{year}.html",
                title=f"Finished in {year}",
                publisher=plain(audience.publisher),
                language=spoken.language_tag,
                headline=f"Tests that finished in {year}",
                standfirst="The newest finished tests stand on the front page.",
                sections=(),
                lists=(RowList("finished", f"Finished in {year}", "", rows, ""),),
            )
        )
    return tuple(pages)


def changes(results: Sequence[ExperimentResult]) -> tuple[str, ...]:
    """Return what changed since the last report, at most three lines."""
    said = []
    for result in results:
        before, now = result.previous_decision, result.decision
        if before is None or all(before.get(key) == now.get(key) for key in ("verdict", "variant_id", "basis")):
            continue
        name = plain(result.experiment.name, 50)
        old, new = decision_badge(result, before).words, decision_badge(result).words
        said.append(f"{name} is now “{lower_first(new)}”; it was “{lower_first(old)}”.")
    rest = len(said) - MOST_CHANGES
    if rest > 0:
        return (*said[: MOST_CHANGES - 1], f"{rest + 1} more verdicts changed.")
    return tuple(said)


def _headline(shelf: Shelf) -> str:
    count = len(shelf.needs)
    if not (shelf.needs or shelf.running or shelf.finished):
        return "No test has run yet"
    if not count:
        return "No test needs you today"
    numbers = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")
    word = numbers[count] if count < len(numbers) else str(count)
    return f"{word} {plural(count, 'test needs', 'tests need')} you today"


def _counts(shelf: Shelf) -> tuple[tuple[Badge, int], ...]:
    """How many tests that run or need a person have each verdict, in the order of the list."""
    found = Counter(decision_badge(result) for result in (*shelf.needs, *shelf.running))
    return tuple(found.items())


def _standfirst(results: Sequence[ExperimentResult], shelf: Shelf) -> str:
    if not results:
        return "Add one under experiments/; askwell plan says whether your traffic can answer it."
    running = len(shelf.running)
    text = f"{running} more {plural(running, 'is', 'are')} running." if running else "No other test is running."
    if not changes(results) and any(result.previous_decision is not None for result in results):
        text += " No verdict changed since the last report."
    return text


def _shared_axis(results: Sequence[ExperimentResult], spoken: Voice) -> Axis | None:
    """One axis for all strips of the list: holds the middle half of the ranges and every estimate near them."""
    sizes, values = [], []
    for result in results:
        arm = _shown_arm(Reading(result))
        comparison = None if arm is None else Reading(result).comparison(arm, "value")
        if comparison is None or comparison.difference is None:
            continue
        values.append(comparison.difference)
        sizes += [
            abs(side)
            for side in (comparison.difference_range.low, comparison.difference_range.high)
            if side is not None
        ]
    if not values:
        return None
    bound = sorted(sizes)[(len(sizes) * 3) // 4] if sizes else max(abs(value) for value in values)
    return axis_of([-bound, bound], lambda tick: spoken.money(tick, digits=0, plus=True), most=4)


def _shown_arm(reading: Reading) -> str | None:
    named = reading.arm_by_id.get(str(reading.result.decision.get("variant_id")))
    if named is not None and not named.is_control:
        return named.id
    return None if reading.challenger is None else reading.challenger.id


def _row(result: ExperimentResult, axis: Axis | None) -> IndexRow:
    reading, words = Reading(result), verdict_words(result)
    spoken = voice(result.audience, result.experiment.surface)
    arm_id = _shown_arm(reading)
    comparison = None if arm_id is None else reading.comparison(arm_id, "value")
    strip, difference, said = None, "", ""
    if comparison is not None and comparison.difference is not None:
        within = comparison.difference_range
        difference = spoken.difference("value", comparison.difference)
        said = f"{spoken.difference_range('value', within)}" if within.is_known else "no range yet"
        label = f"{wording(comparison.arm)}: {difference} {spoken.unit_of('value')}, range {said}"
        strip = None if axis is None else svg.strip(axis, comparison.arm.token, comparison.difference, within, label)
    return IndexRow(
        badge=words.badge,
        href=f"experiments/{result.experiment.id}.html",
        name=plain(result.experiment.name, 60),
        headline=words.headline,
        advice=words.advice,
        strip=strip,
        difference=difference or "No money to compare yet",
        difference_range=said,
        stake=_stake(result, spoken),
        days=_days(result, spoken),
    )


def _stake(result: ExperimentResult, spoken: Voice) -> str:
    stake = money_at_stake(result)
    if stake is None or result.decision.get("verdict") in ("too_early", "fix_first"):
        return ""
    return f"≈ {spoken.sum_of_money(stake, Range(None, stake))}"


def _days(result: ExperimentResult, spoken: Voice) -> str:
    even = result.decision.get("forecast_even")
    text = run_words(result.experiment, Reading(result).day, spoken)
    text = text[:1].upper() + text[1:]
    if isinstance(even, date) and result.decision.get("verdict") == "keep_asking":
        return f"{text}; answer as likely as not by {spoken.short_day(even)}"
    return text

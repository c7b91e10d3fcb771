"""The front page as frozen data: what needs a person today, what runs, matures and is finished, and what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import polars as pl
from markupsafe import Markup

from analysis.experiment_result import Audience, Edition, ExperimentResult
from dashboards import svg
from dashboards.blocks import IndexRow, Page, Query, RowList, Section, sections
from dashboards.charts import Axis, axis_of
from dashboards.phrasing.verdicts import Badge, decision_badge, verdict_words
from dashboards.phrasing.voice import Voice, voice
from dashboards.phrasing.words import capital, number_word, plain, run_words, wording
from dashboards.reading import Range, Reading, money_at_stake

#: Verdicts that ask somebody to do something, the most urgent first.
ACTIONABLE = ("stop_harm", "fix_first", "use_it", "cannot_tell", "no_difference")

#: Days after its planned end during which a test with something to do still stands at the top.
GRACE = timedelta(days=7)

#: Finished tests on the front page; older ones stand on a page a year.
MOST_FINISHED = 20

#: Name of the axis that all strips of the page share.
AXIS = "axis-tests"

#: Lines of what changed; the rest is a number.
MOST_CHANGES = 3


@dataclass(frozen=True)
class Shelf:
    """Where each result stands on the front page."""

    needs: tuple[ExperimentResult, ...]
    running: tuple[ExperimentResult, ...]
    maturing: tuple[ExperimentResult, ...]
    finished: tuple[ExperimentResult, ...]


def shelve(results: Sequence[ExperimentResult]) -> Shelf:
    """Return the results by what a person has to do with them, each shelf in the order to read it."""
    needs, running, maturing, finished = [], [], [], []
    for result in results:
        as_of, end = result.edition.as_of, result.experiment.planned_end
        verdict = result.decision.get("verdict")
        if verdict in ACTIONABLE and (as_of is None or as_of <= end + GRACE):
            needs.append(result)
        elif as_of is None or as_of <= end:
            running.append(result)
        elif matures_until(result) is not None:
            maturing.append(result)
        else:
            finished.append(result)

    def stake(result: ExperimentResult) -> float:
        return -(money_at_stake(result) or 0.0)

    needs.sort(key=lambda item: (ACTIONABLE.index(str(item.decision["verdict"])), stake(item), item.experiment.id))
    running.sort(key=lambda item: (stake(item), item.experiment.id))
    maturing.sort(key=lambda item: (item.experiment.planned_end, item.experiment.id))
    finished.sort(key=lambda item: (-item.experiment.planned_end.toordinal(), item.experiment.id))
    return Shelf(tuple(needs), tuple(running), tuple(maturing), tuple(finished))


def matures_until(result: ExperimentResult) -> date | None:
    """Return the day on which the last outcome window ends; None unless nobody is counted in any more and one is open."""
    as_of, end = result.edition.as_of, result.experiment.planned_end
    last = end + timedelta(hours=result.window_hours or 0)
    if result.window_hours and result.window_hours % 24:
        last += timedelta(days=1)
    return last if as_of is not None and end < as_of < last else None


def index_report(results: Sequence[ExperimentResult], audience: Audience, edition: Edition) -> Page:
    """Return the front page over all results of one edition."""
    spoken = voice(audience)
    shelf = shelve(results)
    axis = _shared_axis([*shelf.needs, *shelf.running, *shelf.maturing, *shelf.finished[:MOST_FINISHED]], spoken)
    drawn, again = (None, None) if axis is None else (svg.strip_axis(axis, AXIS), svg.same_axis(AXIS))
    say = spoken.say
    title = say("Against the current wording, per {number}", number=spoken.count(1_000))
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
        return RowList(id_, heading, lead, rows, empty, again if rows else None, title, more)

    lists = (
        listed_rows("needs", say("Needs a person"), shelf.needs, say("Nothing needs a person today.")),
        listed_rows("running", say("Running"), shelf.running, say("No test is running.")),
        listed_rows(
            "maturing", say("Maturing"), shelf.maturing, say("No test is maturing."),
            lead=say("Nobody is counted in any more; the last readers asked may still act."),
        ),
        listed_rows(
            "finished", say("Finished"), shelf.finished[:MOST_FINISHED], say("No test has finished yet."),
            more=tuple((str(year), f"finished-{year}.html") for year in years),
        ),
    )  # fmt: skip
    as_of = edition.as_of
    return Page(
        path="index.html",
        is_kept=True,
        title=say("All tests"),
        publisher=plain(audience.publisher),
        language=spoken.language_tag,
        kicker=() if as_of is None else (say("Appeals, {day}", day=spoken.day(as_of)),),
        headline=needs_headline(shelf, spoken),
        standfirst=_standfirst(results, shelf, spoken),
        counts=_counts(shelf),
        changes=(*changes(results), *why_numbers_changed(results, spoken)),
        lists=_with_axis(lists, drawn) if results else (),
        sections=sections(_numbers(spoken) if any(result.decision for result in results) else None),
        as_of="" if as_of is None else spoken.day(as_of),
    )


def _with_axis(lists: Sequence[RowList], drawn: Markup | None) -> tuple[RowList, ...]:
    """The lists, the first that has rows drawing the axis that all share."""
    first = next((one.id for one in lists if one.rows), "")
    return tuple(replace(one, drawn_axis=drawn) if one.id == first else one for one in lists)


def _numbers(spoken: Voice) -> Section:
    say = spoken.say
    return Section(
        "sql",
        say("Every number, by query"),
        (),
        lead=say("Pages name the query behind their numbers. The tables can be read while data is being loaded."),
        queries=(
            Query(say("All verdicts so far"), "FROM decisions ORDER BY experiment_id"),
            Query(
                say("Differences and their ranges"),
                "FROM estimates WHERE segment_kind = 'all' QUALIFY as_of = max(as_of) OVER (PARTITION BY experiment_id)",
            ),
            Query(
                say("Every wording of these tests"),
                "FROM variant_results WHERE segment_kind = 'all' ORDER BY experiment_id, as_of",
            ),
            Query(say("All checks with their limits"), "FROM checks ORDER BY experiment_id"),
        ),
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
                title=spoken.say("Finished in {year}", year=year),
                publisher=plain(audience.publisher),
                language=spoken.language_tag,
                headline=spoken.say("Tests that finished in {year}", year=year),
                standfirst=spoken.say("The newest finished tests stand on the front page."),
                sections=(),
                lists=(RowList("finished", spoken.say("Finished in {year}", year=year), "", rows, ""),),
            )
        )
    return tuple(pages)


def changes(results: Sequence[ExperimentResult]) -> tuple[str, ...]:
    """Return what changed since the last report, at most three lines."""
    said = []
    for result in results:
        before, now = result.previous_decision, result.decision
        if before is None or not verdict_changed(result):
            continue
        name = plain(result.experiment.name, 50)
        spoken = voice(result.audience)
        old, new = (spoken.inside(decision_badge(result, item).words) for item in (before, now))
        said.append(spoken.say("{name} is now “{new}”; it was “{old}”.", name=name, new=new, old=old))
    rest = len(said) - MOST_CHANGES
    if rest > 0:
        spoken = voice(results[0].audience)
        more = spoken.say_n("{count} more verdict changed.", "{count} more verdicts changed.", rest + 1)
        return (*said[: MOST_CHANGES - 1], more)
    return tuple(said)


def why_numbers_changed(results: Sequence[ExperimentResult], spoken: Voice) -> tuple[str, ...]:
    """Return why numbers differ from the report before, one sentence a reason; none for a reason that did not apply.

    New readers, outcomes of readers who had been asked before, and refunds are what a new day brings. Where a day that
    was told before now counts otherwise, that is a changed definition, or rows that came late or were withdrawn.
    """
    return (*_brought_by_new_days(results, spoken), *_told_otherwise(results, spoken))


def _brought_by_new_days(results: Sequence[ExperimentResult], spoken: Voice) -> Iterator[str]:
    readers = theirs = matured = refunds = taken = 0
    since: date | None = None
    for result in results:
        day = _day_before(result)
        if day is None or result.edition.as_of is None or day >= result.edition.as_of:
            continue
        whole = _whole(result)
        then, now = whole.filter(pl.col("as_of") == day), whole.filter(pl.col("as_of") == pl.col("as_of").max())
        if then.is_empty():
            continue
        since = day if since is None else min(since, day)
        readers += int(now["n"].sum()) - int(then["n"].sum())
        if result.arrivals is not None:
            came = result.arrivals.filter(pl.col("outcome_day") > day)
            is_new = pl.col("first_day") > day
            theirs += int(came.filter(is_new)["outcomes"].sum())
            matured += int(came.filter(~is_new)["outcomes"].sum())
            refunds += int(came["refunds"].sum())
            taken += int(came["taken_minor"].sum())
    if since is None:
        return
    day_said = spoken.short_day(since)
    if readers:
        yield spoken.say(
            "New readers: {readers} more since {day}; outcomes of theirs so far: {outcomes}.",
            readers=spoken.prose_count(readers),
            day=day_said,
            outcomes=spoken.count(theirs),
        )
    if matured:
        yield spoken.say_n(
            "Matured outcomes: {count} reader first asked by {day} acted since.",
            "Matured outcomes: {count} readers first asked by {day} acted since.",
            matured,
            day=day_said,
        )
    if refunds:
        yield spoken.say_n(
            "Refunds: {count} came since {day} and took back {money}.",
            "Refunds: {count} came since {day} and took back {money}.",
            refunds,
            day=day_said,
            money=spoken.money(taken),
        )


@dataclass
class _Recount:
    """How counts of days that were told before differ from what was told, by cause; `until` is the last such day."""

    late: Counter[str] = field(default_factory=Counter)
    withdrawn: Counter[str] = field(default_factory=Counter)
    redefined: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    names: list[str] = field(default_factory=list)
    until: date | None = None

    def cause(self, result: ExperimentResult, more: int) -> Counter[str]:
        """Return the sums that a difference of a test goes to."""
        if result.is_redefined is None:
            return self.unknown
        if result.is_redefined:
            return self.redefined
        return self.late if more > 0 else self.withdrawn


def _recount(results: Sequence[ExperimentResult]) -> _Recount:
    found = _Recount()
    for result in results:
        day, told = _day_before(result), result.previous_counts
        if day is None or told is None:
            continue
        now = _whole(result).filter(pl.col("as_of") == day)
        more = {"readers": int(now["n"].sum()) - told[0], "outcomes": int(now["x"].sum()) - told[1]}
        if now.is_empty() or not (any(more.values()) or result.is_redefined):
            continue
        found.until = day if found.until is None else max(found.until, day)
        if result.is_redefined:
            found.names.append(plain(result.experiment.name, 50))
        for what, count in more.items():
            found.cause(result, count)[what] += abs(count)
    return found


def _told_otherwise(results: Sequence[ExperimentResult], spoken: Voice) -> Iterator[str]:
    found = _recount(results)
    if found.until is None:
        return
    day = spoken.short_day(found.until)

    def values(counts: Counter[str]) -> dict[str, str]:
        return {"day": day, **{what: spoken.count(counts[what]) for what in ("readers", "outcomes")}}

    if found.late.total():
        yield spoken.say(
            "Late rows came in for days up to {day}. Readers: +{readers}, outcomes: +{outcomes}.", **values(found.late)
        )
    if found.withdrawn.total():
        yield spoken.say(
            "Rows of days up to {day} were withdrawn. Readers: −{readers}, outcomes: −{outcomes}.",
            **values(found.withdrawn),
        )
    if found.names:
        rest = len(found.names) - MOST_CHANGES
        more = [spoken.say_n("{count} more test", "{count} more tests", rest)] if rest > 0 else []
        tests = spoken.listed([*found.names[:MOST_CHANGES], *more])
        if found.redefined.total():
            yield spoken.say(
                "Changed definition: {tests}. Up to {day}, readers differ by {readers} and outcomes by {outcomes} from what was told then.",
                tests=tests,
                **values(found.redefined),
            )
        else:
            yield spoken.say(
                "Changed definition: {tests}. Readers and outcomes up to {day} stay as they were.", tests=tests, day=day
            )
    if found.unknown.total():
        yield spoken.say(
            "Counted anew up to {day}: readers differ by {readers} and outcomes by {outcomes}, because rows came late or were withdrawn, or a definition changed; an edition made before the upgrade does not say which.",
            **values(found.unknown),
        )  # fmt: skip


def _day_before(result: ExperimentResult) -> date | None:
    """The last day of the report before, as it counted this test."""
    day = None if result.previous_decision is None else result.previous_decision.get("as_of")
    return day if isinstance(day, date) else None


def _whole(result: ExperimentResult) -> pl.DataFrame:
    """The rows that count everybody asked, and who gave."""
    return result.variant_results.filter(
        (pl.col("basis") == "exposed") & (pl.col("segment_kind") == "all") & (pl.col("metric") == "conversion")
    )


def verdict_changed(result: ExperimentResult) -> bool:
    """Return whether the verdict is another one than in the report before; False where there was none."""
    before, now = result.previous_decision, result.decision
    return before is not None and any(before.get(key) != now.get(key) for key in ("verdict", "variant_id", "basis"))


def needs_headline(shelf: Shelf, spoken: Voice) -> str:
    """Return how many tests need a person, as a headline."""
    count = len(shelf.needs)
    if not (shelf.needs or shelf.running or shelf.maturing or shelf.finished):
        return spoken.say("No test has run yet")
    if not count:
        return spoken.say("No test needs you today")
    number = number_word(count, spoken)
    text = spoken.say_n("{number} test needs you today", "{number} tests need you today", count, number=number)
    return capital(text)


def _counts(shelf: Shelf) -> tuple[tuple[Badge, int], ...]:
    """How many tests that run or need a person have each verdict, in the order of the list."""
    found = Counter(decision_badge(result) for result in (*shelf.needs, *shelf.running))
    return tuple(found.items())


def _standfirst(results: Sequence[ExperimentResult], shelf: Shelf, spoken: Voice) -> str:
    if not results:
        return spoken.say("Add one under experiments/; askwell plan says whether your traffic can answer it.")
    running = len(shelf.running)
    text = (
        spoken.say_n("{count} more is running.", "{count} more are running.", running)
        if running
        else spoken.say("No other test is running.")
    )
    if shelf.maturing:
        text += " " + spoken.say_n("{count} is maturing.", "{count} are maturing.", len(shelf.maturing))
    if not changes(results) and any(result.previous_decision is not None for result in results):
        text += " " + spoken.say("No verdict changed since the last report.")
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
        said = f"{spoken.difference_range('value', within)}" if within.is_known else spoken.say("no range yet")
        label = spoken.say(
            "{name}: {value}, range {range}",
            name=wording(comparison.arm, spoken),
            value=f"{difference} {spoken.unit_of('value')}",
            range=said,
        )
        strip = None if axis is None else svg.strip(axis, comparison.arm.token, comparison.difference, within, label)
    return IndexRow(
        badge=words.badge,
        href=f"experiments/{result.experiment.id}.html",
        name=plain(result.experiment.name, 60),
        headline=words.headline,
        advice=words.advice,
        strip=strip,
        difference=difference or spoken.say("No money to compare yet"),
        difference_range=said,
        stake=stake_words(result, spoken),
        days=_days(result, spoken),
    )


def stake_words(result: ExperimentResult, spoken: Voice) -> str:
    """Return what the choice means a month; empty where that is not known, or not to be relied on."""
    stake = money_at_stake(result)
    if stake is None or result.decision.get("verdict") in ("too_early", "fix_first"):
        return ""
    return f"≈ {spoken.sum_of_money(stake, Range(None, stake))}"


def _days(result: ExperimentResult, spoken: Voice) -> str:
    text = capital(run_words(result.experiment, Reading(result).day, spoken))
    last, even = matures_until(result), result.decision.get("forecast_even")
    if last is not None:
        return spoken.say("{days}; outcomes still come in until {day}", days=text, day=spoken.short_day(last))
    if isinstance(even, date) and result.decision.get("verdict") == "keep_asking":
        return spoken.say("{days}; answer as likely as not by {day}", days=text, day=spoken.short_day(even))
    return text

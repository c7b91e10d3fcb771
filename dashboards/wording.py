"""The wording page as frozen data: do words predict here, what each trait did, the texts behind it, what is not known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import polars as pl

from analysis.experiment_result import Audience, Edition
from analysis.wording.findings import Example, Findings, OutcomeFindings, examples
from analysis.wording.prediction import NotJudged, OutOfSample
from analysis.wording.traits import Trait
from dashboards import figures, svg
from dashboards.blocks import Block, Cell, Column, Page, Picture, Query, Section, Sentences, Table, TableRow, sections
from dashboards.charts import TraitForest, TraitRow, axis_of
from dashboards.phrasing.verdicts import Badge
from dashboards.phrasing.voice import Voice, voice
from dashboards.phrasing.words import plain
from dashboards.reading import Range
from dashboards.translations import marked

Row = Mapping[str, object]

_STATUS = {
    "confirmed": (marked("Confirmed"), marked("found in earlier tests, and later tests alone say the same")),
    "leaning": (marked("Leaning"), marked("points one way over all tests, not confirmed")),
    "contradicted": (marked("Contradicted"), marked("found in earlier tests, and later tests alone say the opposite")),
    "open": (marked("Open"), marked("tested, and nothing clear")),
    "unknown": (marked("Not known"), ""),
}
_REASONS = {
    "seen_too_seldom": marked("fewer than ten tests have had it"),
    "varies_too_seldom": marked("fewer than five tests have varied it"),
    "same_as_others": marked("it always came with other traits"),
    "too_few_tests": marked("there are too few tests"),
}
_ORDER = ("confirmed", "contradicted", "leaning", "open")

#: Traits with examples in the playbook, and characters of an example.
MOST_EXAMPLES, LONGEST_TEXT = 12, 400

#: Surfaces that are told apart from the first at most; the table of the database has all.
MOST_SURFACES = 12


def wording_report(
    findings: Findings,
    audience: Audience,
    edition: Edition,
    previous: pl.DataFrame | None = None,
    others: Sequence[Findings] = (),
) -> Page:
    """Return the page on what the tests say about wording.

    Args:
        findings: What is known on the surface with most tests.
        audience: For whom.
        edition: Of which the page is.
        previous: `WORDING_EFFECTS` of the edition before; None where there is none.
        others: What is known on other surfaces: told apart, in a line each.
    """
    spoken = voice(audience)
    say, found = spoken.say, findings.outcomes["conversion"]
    return Page(
        path="wording.html",
        is_kept=True,
        title=say("What wording works"),
        label=say("Wording"),
        publisher=plain(audience.publisher),
        language=spoken.language_tag,
        kicker=(
            say("What wording works"),
            spoken.say_n("{count} test speaks", "{count} tests speak", found.effects.tests),
        ),
        badge=_badge(found, spoken),
        headline=_headline(found, spoken),
        standfirst=_standfirst(findings, spoken),
        as_of="" if edition.as_of is None else spoken.day(edition.as_of),
        changes=_changes(findings, previous, spoken),
        sections=sections(
            _prediction(found, spoken),
            _traits(findings, found, spoken),
            _money(findings, spoken),
            _playbook(findings, spoken),
            _unknown(findings, spoken),
            _other_surfaces(findings, others, spoken),
            _limits(findings, spoken),
        ),
    )


def _badge(found: OutcomeFindings, spoken: Voice) -> Badge:
    if isinstance(found.judged, NotJudged):
        return Badge(spoken.say("Too early"), "clock", "mute")
    if found.judged.predicts:
        return Badge(spoken.say("Words predict a little"), "tick", "up", is_outline=True)
    return Badge(spoken.say("Words do not predict"), "question", "mute")


def _headline(found: OutcomeFindings, spoken: Voice) -> str:
    judged = found.judged
    if isinstance(judged, NotJudged):
        return spoken.say("Too few tests to say which words work")
    if not judged.predicts:
        return spoken.say("Words do not predict here")
    return spoken.say(
        "Words tell the better of two texts in {share} of pairs", share=spoken.percent(judged.accuracy.value)
    )


def _standfirst(findings: Findings, spoken: Voice) -> str:
    judged = findings.outcomes["conversion"].judged
    if isinstance(judged, NotJudged):
        return spoken.say(
            "Whether traits of wording predict anything is judged on later tests than they were learned from, thirty at least. Until then no table of effects is shown."
        )
    values = {
        "low": spoken.percent(judged.accuracy.low, digits=1),
        "high": spoken.percent(judged.accuracy.high, digits=1),
        "ceiling": spoken.percent(judged.ceiling),
    }
    if judged.predicts:
        return spoken.say(
            "Learned on earlier tests and held against later ones: the range is {low} to {high}, chance is 50%, and {ceiling} is the best that anybody could do with counts of this size. A gain worth having, no oracle.",
            **values,
        )
    return spoken.say(
        "Learned on earlier tests and held against later ones, traits told the better of two texts no more often than chance: the range is {low} to {high}. Test the text itself.",
        **values,
    )


def _changes(findings: Findings, previous: pl.DataFrame | None, spoken: Voice) -> tuple[str, ...]:
    """Traits whose status is another one than in the edition before; three lines at most."""
    if previous is None or isinstance(findings.outcomes["conversion"].judged, NotJudged):
        return ()
    before = {
        str(row["trait"]): str(row["status"])
        for row in previous.filter(
            (pl.col("surface") == findings.surface) & (pl.col("outcome") == "conversion")
        ).iter_rows(named=True)
    }
    said = []
    rows = findings.outcomes["conversion"].effects.table.to_dicts()
    for row in sorted(rows, key=lambda row: (*_ORDER, "unknown").index(str(row["status"]))):
        old, new = before.get(row["trait"]), str(row["status"])
        if old in _STATUS and new != old:
            said.append(
                spoken.say(
                    "{name} is now “{new}”; it was “{old}”.",
                    name=findings.trait(row["trait"]).name,
                    new=spoken.inside(spoken.say(_STATUS[new][0])),
                    old=spoken.inside(spoken.say(_STATUS[old][0])),
                )
            )
    return tuple(said[:3])


# -- does it predict ---------------------------------------------------------------------------------------------------


def _prediction(found: OutcomeFindings, spoken: Voice) -> Section:
    heading, judged, say = spoken.say("Do words predict here?"), found.judged, spoken.say
    if isinstance(judged, NotJudged):
        reason = {
            "no_dates": say("No test has a day on which it ended, so that none is later than another."),
            "no_traits": say("No trait could be learned from the earlier tests."),
        }.get(
            judged.reason,
            spoken.say_n(
                "Only {count} later test could judge so far; thirty are needed.",
                "Only {count} later tests could judge so far; thirty are needed.",
                judged.tests,
            ),
        )
        return Section("prediction", heading, (Sentences((reason,)),))
    rows = [
        _figure_row(
            say("Pairs told right"),
            judged,
            "accuracy",
            say("50% is chance, {ceiling} the best possible", ceiling=spoken.percent(judged.ceiling)),
            spoken,
        )
    ]
    if judged.clear_accuracy is not None:
        rows.append(
            _figure_row(say("Among pairs that clearly differ"), judged, "clear_accuracy", say("50% is chance"), spoken)
        )
    loss, slope = judged.log_loss, judged.slope
    rows += [
        TableRow(Cell(say("Log loss")), (Cell(spoken.decimal(loss.value, 3)), Cell(_decimals(loss.low, loss.high, 3, spoken)), Cell(say("{number} is chance; lower is better", number=spoken.decimal(math.log(2), 3)), weak=True))),
        TableRow(Cell(say("Difference seen for one predicted")), (Cell(spoken.decimal(slope.value, 2)), Cell(_decimals(slope.low, slope.high, 2, spoken)), Cell(say("1 is calibrated; below 1 is too bold"), weak=True))),
    ]  # fmt: skip
    bins = tuple(
        TableRow(
            Cell(spoken.percent(math.expm1(row["predicted"]), plus=True, digits=1)),
            (Cell(spoken.percent(math.expm1(row["observed"]), plus=True, digits=1)), Cell(spoken.count(row["pairs"]))),
        )
        for row in judged.bins.iter_rows(named=True)
    )
    return Section(
        "prediction",
        heading,
        (
            Table(say("How well traits predict later tests"), (Column(say("Figure")), Column(say("Value"), "", "number"), Column(say("Range"), say("95%, later tests drawn anew"), "number"), Column(say("To compare with"))), tuple(rows)),
            Table(say("Predicted and seen differences of pairs"), (Column(say("Predicted")), Column(say("Seen"), "", "number"), Column(say("Pairs"), "", "number")), bins, summary=say("Predicted and seen, by tenths of the pairs")),
        ),
        lead=say(
            "Learned on {train} earlier tests, judged on {later} later ones with {pairs} pairs of texts.",
            train=spoken.count(judged.train_tests), later=spoken.count(judged.judged_tests), pairs=spoken.count(judged.pairs),
        ),
        data=(("predicted_log_difference", "observed_log_difference", "pairs"), *judged.bins.select("predicted", "observed", "pairs").iter_rows()),
    )  # fmt: skip


def _figure_row(name: str, judged: OutOfSample, figure: str, beside: str, spoken: Voice) -> TableRow:
    value = getattr(judged, figure)
    return TableRow(
        Cell(name),
        (
            Cell(spoken.percent(value.value, digits=1)),
            Cell(
                spoken.say(
                    "{low} to {high}",
                    low=spoken.percent(value.low, digits=1),
                    high=spoken.percent(value.high, digits=1),
                )
            ),
            Cell(beside, weak=True),
        ),
    )


def _decimals(low: float, high: float, digits: int, spoken: Voice) -> str:
    return spoken.say("{low} to {high}", low=spoken.decimal(low, digits), high=spoken.decimal(high, digits))


# -- traits ------------------------------------------------------------------------------------------------------------


def _estimated(found: OutcomeFindings) -> list[Row]:
    rows = found.effects.table.drop_nulls("lift").to_dicts()
    return sorted(rows, key=lambda row: -abs(_number(row, "shrunk_coefficient")))


def _traits(findings: Findings, found: OutcomeFindings, spoken: Voice) -> Section | None:
    if isinstance(found.judged, NotJudged):
        return None
    say, heading = spoken.say, spoken.say("What each trait did to giving")
    rows = _estimated(found)
    if not rows:
        return Section("traits", heading, (Sentences((say("No trait has been varied in enough tests."),)),))
    return Section(
        "traits",
        heading,
        (_forest("traits-chart", findings, rows, spoken), _trait_table(findings, rows, spoken, say("Effect of each trait on conversion"))),
        lead=say("Change of the conversion rate inside tests, for a text with the trait against one without, or for one unit more. What went together, not what caused it."),
        queries=(Query(say("Every trait, with its standard error"), f"FROM wording_effects WHERE surface = {_quoted(findings.surface)} AND outcome = 'conversion'"),),
        data=_data(rows),
    )  # fmt: skip


def _money(findings: Findings, spoken: Voice) -> Section | None:
    found, say = findings.outcomes["value"], spoken.say
    if isinstance(findings.outcomes["conversion"].judged, NotJudged):
        return None
    heading = say("And to money")
    if isinstance(found.judged, NotJudged):
        return Section("money", heading, (Sentences((say("Too few tests with money to judge by. A trait that makes more readers give need not bring in more."),)),))  # fmt: skip
    rows = _estimated(found)
    said = (
        say("Traits tell which of two texts brings in more in {share} of pairs of later tests (range {low} to {high}).", **_shares(found.judged, spoken))
        if found.judged.predicts
        else say("For money, traits told the better of two texts no more often than chance (range {low} to {high}).", **_shares(found.judged, spoken))
    )  # fmt: skip
    table = _trait_table(findings, rows, spoken, say("Effect of each trait on settled value per reader"))
    return Section(
        "money", heading, (Sentences((said,)), table) if rows else (Sentences((said,)),),
        queries=(Query(say("Every trait, with its standard error"), f"FROM wording_effects WHERE surface = {_quoted(findings.surface)} AND outcome = 'value'"),),
        data=_data(rows) if rows else (),
    )  # fmt: skip


def _shares(judged: OutOfSample, spoken: Voice) -> dict[str, str]:
    return {
        "share": spoken.percent(judged.accuracy.value, digits=1),
        "low": spoken.percent(judged.accuracy.low, digits=1),
        "high": spoken.percent(judged.accuracy.high, digits=1),
    }


def _forest(chart_id: str, findings: Findings, rows: Sequence[Row], spoken: Voice) -> Picture:
    drawn = tuple(
        TraitRow(
            name=plain(findings.trait(str(row["trait"])).name, 32),
            note=_tests_and_q(row, spoken),
            value=_number(row, "shrunk_lift"),
            raw=_number(row, "lift"),
            range=Range(_number(row, "low"), _number(row, "high")),
            pair=Range(_number(row, "pair_low"), _number(row, "pair_high")),
            text=spoken.percent(_number(row, "shrunk_lift"), plus=True),
        )
        for row in rows
    )
    axis = axis_of(
        [side for row in drawn for side in (row.range.low, row.range.high)],
        lambda tick: spoken.percent(tick, plus=True, digits=0 if abs(tick * 100 - round(tick * 100)) < 1e-9 else 1),
        pad=0.1,
    )
    label = spoken.say(
        "Effect of each trait: {values}.",
        values="; ".join(
            spoken.say("{name}: {value}, range {range}", name=row.name, value=row.text, range=spoken.percent_range(row.range))
            for row in drawn
        ),
    )  # fmt: skip
    chart = TraitForest(drawn, axis, label)
    return Picture(
        chart_id,
        wide=svg.trait_forest(chart, narrow=False),
        narrow=svg.trait_forest(chart, narrow=True),
        figure=figures.figure_json(figures.trait_forest(chart), figures.trait_forest_narrow(chart)),
        caption=spoken.say(
            "Dot: what to expect, drawn towards zero. Ring: what was seen. Bar: the range we are 95% sure of for the average. Thin line: the range for one new pair of texts, which may leave the picture. In colour where the bar is clear of zero."
        ),
    )


def _tests_and_q(row: Row, spoken: Voice) -> str:
    q = _number(row, "q")
    said = spoken.say("q under {number}", number=spoken.decimal(0.001, 3)) if q < 0.001 else spoken.say("q {number}", number=spoken.decimal(q, 3))  # fmt: skip
    return f"{spoken.say_n('{count} test', '{count} tests', int(_number(row, 'tests_varying')))} · {said}"


def _trait_table(findings: Findings, rows: Sequence[Row], spoken: Voice, caption: str) -> Table:
    say = spoken.say
    made = []
    for row in rows:
        trait = findings.trait(str(row["trait"]))
        status, meaning = _STATUS[str(row["status"])]
        alone = int(_number(row, "tests_alone"))
        made.append(
            TableRow(
                Cell(plain(trait.name), _unit(trait, spoken)),
                (
                    Cell(say(status), say(meaning)),
                    Cell(spoken.percent(_number(row, "shrunk_lift"), plus=True), say("seen: {value}", value=spoken.percent(_number(row, "lift"), plus=True))),
                    Cell(spoken.percent_range(Range(_number(row, "low"), _number(row, "high"))), say("one new pair: {range}", range=spoken.percent_range(Range(_number(row, "pair_low"), _number(row, "pair_high"))))),
                    Cell(spoken.count(_number(row, "tests_varying")), say("more in {better}, less in {worse}; alone in {alone}", better=spoken.count(_number(row, "tests_better")), worse=spoken.count(_number(row, "tests_worse")), alone=spoken.count(alone))),
                    Cell(_confounding(findings, row, spoken), _alone(row, spoken), weak=True),
                ),
            )
        )  # fmt: skip
    return Table(
        caption,
        (Column(say("Trait")), Column(say("Status")), Column(say("To expect"), "", "number"), Column(say("Range")), Column(say("Tests that varied it")), Column(say("Came with"))),
        tuple(made),
    )  # fmt: skip


def _unit(trait: Trait, spoken: Voice) -> str:
    if trait.unit == "present":
        return trait.meaning
    return spoken.say("{meaning} For each {unit} more.", meaning=trait.meaning, unit=trait.unit)


def _alone(row: Row, spoken: Voice) -> str:
    if row["alone_lift"] is None:
        return ""
    return spoken.say(
        "Varied alone: {value}, range {range}. This much may be called its effect.",
        value=spoken.percent(_number(row, "alone_lift"), plus=True),
        range=spoken.percent_range(Range(_number(row, "alone_low"), _number(row, "alone_high"))),
    )


def _confounding(findings: Findings, row: Row, spoken: Voice) -> str:
    if not row["comes_with"]:
        return spoken.say("nothing in particular")
    names = []
    for one in str(row["comes_with"]).split(", "):
        name = plain(findings.trait(one.removeprefix("-")).name)
        names.append(spoken.say("less of “{name}”", name=name) if one.startswith("-") else f"“{name}”")
    return spoken.listed(names)


def _data(rows: Sequence[Row]) -> tuple[tuple[object, ...], ...]:
    columns = ("trait", "status", "tests_varying", "lift", "low", "high", "q", "shrunk_lift", "pair_low", "pair_high", "comes_with")  # fmt: skip
    return (columns, *(tuple(row[column] for column in columns) for row in rows))


def _number(row: Row, column: str) -> float:
    return float(str(row[column] if row[column] is not None else 0))


# -- playbook ----------------------------------------------------------------------------------------------------------


def _playbook(findings: Findings, spoken: Voice) -> Section | None:
    found, say = findings.outcomes["conversion"], spoken.say
    if isinstance(found.judged, NotJudged):
        return None
    rows = [row for row in _estimated(found) if row["status"] in ("confirmed", "contradicted", "leaning")]
    rows.sort(key=lambda row: _ORDER.index(str(row["status"])))
    if not rows:
        return None
    made = []
    for row in rows[:MOST_EXAMPLES]:
        best, worst = examples(findings, str(row["trait"]))
        trait = findings.trait(str(row["trait"]))
        made.append(
            TableRow(
                Cell(plain(trait.name), say(_STATUS[str(row["status"])][0])),
                (_example_cell(best, spoken), _example_cell(worst, spoken)),
            )
        )
    return Section(
        "playbook",
        say("The texts behind it"),
        (
            Table(
                say("For each trait the pair of texts in which it went with most, and that in which it went with least"),
                (Column(say("Trait")), Column(say("Where it went with more")), Column(say("Where it went with less"))),
                tuple(made),
            ),
        ),
        lead=say("The clearest pair each way, as readers saw it. Extremes of many, so expect less; the table above is the rule."),
    )  # fmt: skip


def _example_cell(example: Example | None, spoken: Voice) -> Cell:
    if example is None:
        return Cell(spoken.say("in no test"), weak=True)

    def counted(arm: Mapping[str, object]) -> str:
        return spoken.say("{given} of {asked}", given=spoken.count(_number(arm, "conversions")), asked=spoken.count(_number(arm, "readers")))  # fmt: skip

    return Cell(
        spoken.say("“{name}”", name=plain(str(example.with_it["text"]), LONGEST_TEXT)),
        spoken.say(
            "{value} against “{other}” ({first}, and {second}). Test {test}.",
            value=spoken.percent(example.lift, plus=True),
            other=plain(str(example.without_it["text"]), LONGEST_TEXT),
            first=counted(example.with_it),
            second=counted(example.without_it),
            test=plain(example.test_id, 60),
        ),
    )


# -- what is not known -------------------------------------------------------------------------------------------------


def _unknown(findings: Findings, spoken: Voice) -> Section | None:
    found, say = findings.outcomes["conversion"], spoken.say
    unknown = found.effects.table.filter(pl.col("status") == "unknown").sort("tests_varying", descending=True)
    if unknown.is_empty():
        return None
    rows = tuple(
        TableRow(
            Cell(plain(findings.trait(row["trait"]).name), findings.trait(row["trait"]).meaning),
            (Cell(say(_REASONS.get(str(row["reason"]), _REASONS["too_few_tests"]))), Cell(spoken.count(row["tests_seen"])), Cell(spoken.count(row["tests_varying"]))),
        )
        for row in unknown.iter_rows(named=True)
    )  # fmt: skip
    return Section(
        "unknown",
        say("Not tested enough to say"),
        (Table(say("Traits without an effect"), (Column(say("Trait")), Column(say("Why")), Column(say("Tests that had it"), "", "number"), Column(say("Tests that varied it"), "", "number")), rows),),
        lead=say("A test that varies one of these alone would teach most. askwell wording draft.txt says which, for a text of yours."),
    )  # fmt: skip


def _other_surfaces(findings: Findings, others: Sequence[Findings], spoken: Voice) -> Section | None:
    if not others:
        return None
    say = spoken.say
    rows = tuple(
        TableRow(
            Cell(plain(one.surface, 40)),
            (Cell(spoken.count(one.tests)), Cell(_told_apart(one.outcomes["conversion"].judged, spoken))),
        )
        for one in others[:MOST_SURFACES]
    )
    return Section(
        "surfaces",
        say("Other surfaces, kept apart"),
        (Table(say("What is known on each"), (Column(say("Surface")), Column(say("Tests"), "", "number"), Column(say("Do words predict?"))), rows),),
        lead=say(
            "This page is about “{name}”. A gift, a subscription and a click on a headline are different things, and are not added up. askwell wording --surface asks about another one.",
            name=plain(findings.surface, 40),
        ),
        queries=(Query(say("Every trait on every surface"), "FROM wording_effects ORDER BY surface, q"),),
    )  # fmt: skip


def _told_apart(judged: OutOfSample | NotJudged, spoken: Voice) -> str:
    if isinstance(judged, NotJudged):
        return spoken.say("Too early")
    if judged.predicts:
        return spoken.say("In {share} of pairs of later tests (range {low} to {high})", **_shares(judged, spoken))
    return spoken.say("No better than chance (range {low} to {high})", **_shares(judged, spoken))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _limits(findings: Findings, spoken: Voice) -> Section:
    say = spoken.say
    said: list[str] = [
        say("Wordings were not given to tests by chance: a trait that came with a season, a topic or another trait cannot be told from it. These are associations inside tests. Only a test that varies a trait alone shows a cause."),
        say("Traits are coded by rules for texts in {language}, written before any result was seen. Irony, pictures and layout are not coded.", language=findings.language),
    ]  # fmt: skip
    if findings.excluded:
        said.append(
            spoken.say_n(
                "Over all surfaces, {count} test is left out because a trust check blocks it.",
                "Over all surfaces, {count} tests are left out because a trust check blocks them.",
                len(findings.excluded),
            )
        )
    if findings.uncoded:
        said.append(
            spoken.say_n(
                "{count} wording is left out: its words are not known, or in another language.",
                "{count} wordings are left out: their words are not known, or in another language.",
                findings.uncoded,
            )
        )
    blocks: tuple[Block, ...] = (Sentences(tuple(said), is_list=True),)
    return Section("limits", say("What this cannot say"), blocks)

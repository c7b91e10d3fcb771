"""What each trait did, to conversion and to money: what to expect, its ranges, how many tests speak, what it came with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.wording.result import WordingResult
from analysis.wording.trait_effects import CLEAR_Q
from dashboards import figures, svg
from dashboards.blocks import Cell, Column, Picture, Section, Sentences, Table, TableRow
from dashboards.charts import TraitForest, TraitRow, axis_of
from dashboards.phrasing.voice import Voice
from dashboards.phrasing.words import plain
from dashboards.wording.rows import STATUS, Row, effects_query, estimated, interval, number, query, shares, trait_name


def traits_section(known: WordingResult, previous: Mapping[str, Row], spoken: Voice) -> Section | None:
    """Effects on conversion; None where nothing was judged out of sample.

    Args:
        previous: Rows of the edition before, by trait.
    """
    if known.outcome()["reason"] is not None:
        return None
    say, rows = spoken.say, estimated(known)
    heading = (
        say("What each trait did to giving") if known.outcome()["surface"] == "donation" else say("What each trait did")
    )
    asked = effects_query(known, spoken)
    if not rows:
        said = Sentences((say("No trait has been varied in enough tests."),))
        return Section("traits", heading, (said,), queries=(asked,))
    return Section(
        "traits",
        heading,
        (
            _forest("traits-chart", rows, spoken),
            _trait_table(rows, previous, known, spoken, say("Effect of each trait on conversion")),
        ),
        lead=say("Change of the conversion rate inside tests, for a text with the trait against one without, or for one unit more. What went together, not what caused it."),
        queries=(asked,),
        data=_data(rows),
    )  # fmt: skip


def money_section(known: WordingResult, spoken: Voice) -> Section | None:
    """Effects on money; None where nothing was judged out of sample."""
    if known.outcome()["reason"] is not None:
        return None
    say, row = spoken.say, known.outcome("value")
    heading = say("And to money")
    asked = (
        query(say("Every figure of the prediction"), "wording_prediction", known, "outcome = 'value'"),
        effects_query(known, spoken, "value"),
    )
    if row["reason"] is not None:
        said = say("Too few tests with money to judge by. A trait that makes more readers give need not bring in more.")
        return Section("money", heading, (Sentences((said,)),), queries=asked)
    rows = estimated(known, "value")
    said = (
        say("Traits tell which of two texts brings in more in {share} of pairs of later tests (range {low} to {high}).", **shares(row, spoken))
        if row["is_predicting"]
        else say("For money, traits told the better of two texts no more often than chance (range {low} to {high}).", **shares(row, spoken))
    )  # fmt: skip
    table = _trait_table(rows, {}, known, spoken, say("Effect of each trait on settled value per reader"))
    return Section(
        "money",
        heading,
        (Sentences((said,)), table) if rows else (Sentences((said,)),),
        queries=asked,
        data=_data(rows) if rows else (),
    )


def _forest(chart_id: str, rows: Sequence[Row], spoken: Voice) -> Picture:
    drawn = tuple(
        TraitRow(
            name=plain(trait_name(row, spoken), 32),
            note=_tests_and_q(row, spoken),
            value=number(row, "shrunk_lift"),
            raw=number(row, "lift"),
            range=interval(row),
            pair=interval(row, "pair_low", "pair_high"),
            text=spoken.percent(number(row, "shrunk_lift"), plus=True),
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
    tests = spoken.say_n("{count} test", "{count} tests", number(row, "tests_varying"))
    return f"{tests} · {_q(row, spoken)}"


def _q(row: Row, spoken: Voice) -> str:
    q = number(row, "q")
    if q < 0.001:
        return spoken.say("q under {number}", number=spoken.decimal(0.001, 3))
    return spoken.say("q {number}", number=spoken.decimal(q, 3))


def _trait_table(
    rows: Sequence[Row], previous: Mapping[str, Row], known: WordingResult, spoken: Voice, caption: str
) -> Table:
    say = spoken.say
    names = {str(row["trait"]): row for row in known.effects.iter_rows(named=True)}
    made = []
    for row in rows:
        status, meaning = STATUS[str(row["status"])]
        expected = say("seen: {value}", value=spoken.percent(number(row, "lift"), plus=True))
        of_readers = _of_readers(row, known, spoken)
        made.append(
            TableRow(
                Cell(trait_name(row, spoken), _unit(row, spoken)),
                (
                    Cell(say(status), f"{say(meaning)}; {_q(row, spoken)}"),
                    Cell(spoken.percent(number(row, "shrunk_lift"), plus=True), expected + _before(row, previous, spoken)),
                    Cell(spoken.percent_range(interval(row)), say("one new pair: {range}", range=spoken.percent_range(interval(row, "pair_low", "pair_high")))),
                    *((of_readers,) if of_readers else ()),
                    Cell(spoken.count(number(row, "tests_varying")), say("more in {better}, less in {worse}; alone in {alone}", better=spoken.count(number(row, "tests_better")), worse=spoken.count(number(row, "tests_worse")), alone=spoken.count(number(row, "tests_alone")))),
                    Cell(_confounding(row, names, spoken), _alone(row, spoken), weak=True),
                ),
            )
        )  # fmt: skip
    return Table(
        caption,
        (Column(say("Trait")), Column(say("Status")), Column(say("To expect"), "", "number"), Column(say("Range"), "", "number"), *_readers_column(rows, known, spoken), Column(say("Tests that varied it")), Column(say("Came with"))),
        tuple(made),
    )  # fmt: skip


def _of_readers(row: Row, known: WordingResult, spoken: Voice) -> Cell | None:
    """The effect in readers, at the rate of the wording in the middle; None for money, which has no such count."""
    rate = known.outcome()["median_rate"]
    if row["outcome"] != "conversion" or not isinstance(rate, float):
        return None
    low, middle, high = (100_000 * rate * number(row, column) for column in ("low", "shrunk_lift", "high"))
    return Cell(
        spoken.decimal(middle, 0, plus=True),
        spoken.say("{low} to {high}", low=spoken.decimal(low, 0, plus=True), high=spoken.decimal(high, 0, plus=True)),
    )


def _readers_column(rows: Sequence[Row], known: WordingResult, spoken: Voice) -> tuple[Column, ...]:
    if not rows or _of_readers(rows[0], known, spoken) is None:
        return ()
    rate = spoken.count(100_000 * number(known.outcome(), "median_rate"))
    return (Column(spoken.say("Of 100,000 readers"), spoken.say("where {rate} is usual", rate=rate), "number"),)


def _before(row: Row, previous: Mapping[str, Row], spoken: Voice) -> str:
    """What the edition before said, where that was another thing in the digits shown."""
    old = previous.get(str(row["trait"]))
    if old is None:
        return ""
    status = spoken.inside(spoken.say(STATUS[str(old["status"])][0]))
    if old["shrunk_lift"] is None:
        return "; " + spoken.say("edition before: {status}", status=status)
    before, now = (spoken.percent(number(one, "shrunk_lift"), plus=True) for one in (old, row))
    if before == now and old["status"] == row["status"]:
        return ""
    return "; " + spoken.say("edition before: {value}, {status}", value=before, status=status)


def _unit(row: Row, spoken: Voice) -> str:
    meaning = spoken.say(str(row["meaning"]))
    if row["unit"] == "present":
        return plain(meaning, 200)
    return spoken.say("{meaning} For each {unit} more.", meaning=meaning, unit=spoken.say(str(row["unit"])))


def _alone(row: Row, spoken: Voice) -> str:
    if row["alone_lift"] is None:
        return ""
    lift, q = number(row, "alone_lift"), row["alone_q"]
    places = {
        "value": spoken.percent(lift, plus=True),
        "range": spoken.percent_range(interval(row, "alone_low", "alone_high")),
    }
    said = (
        spoken.say("Varied alone: {value}, range {range}; only this may be called its effect.", **places)
        if isinstance(q, float) and q <= CLEAR_Q
        else spoken.say(
            "Varied alone in {tests} tests: {value}, range {range}; not clear after counting how many traits were tried.",
            tests=spoken.count(number(row, "tests_alone")),
            **places,
        )
    )
    if lift * number(row, "lift") >= 0:
        return said
    other_way = spoken.say("Varied alone it points the other way than over all tests: do not rely on either yet.")
    return f"{said} {other_way}"


def _confounding(row: Row, names: Mapping[str, Row], spoken: Voice) -> str:
    if not row["comes_with"]:
        return spoken.say("nothing in particular")
    said = []
    for one in str(row["comes_with"]).split(", "):
        name = trait_name(names[one.removeprefix("-")], spoken)
        said.append(
            spoken.say("less of “{name}”", name=name) if one.startswith("-") else spoken.say("“{name}”", name=name)
        )
    return spoken.listed(said)


def _data(rows: Sequence[Row]) -> tuple[tuple[object, ...], ...]:
    columns = ("trait", "status", "tests_varying", "lift", "low", "high", "q", "shrunk_lift", "pair_low", "pair_high", "comes_with")  # fmt: skip
    return (columns, *(tuple(row[column] for column in columns) for row in rows))

"""What is not known, where a trait works differently, how texts were coded, other surfaces, and what no table can say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from analysis.wording.result import TOO_MANY_SURFACES, WordingResult
from dashboards.blocks import Block, Cell, Column, Section, Sentences, Table, TableRow
from dashboards.phrasing.voice import Voice
from dashboards.phrasing.words import plain
from dashboards.translations import marked
from dashboards.wording.rows import Row, effects_query, interval, number, query, shares, trait_name

_REASONS = {
    "seen_too_seldom": marked("fewer than ten tests have had it"),
    "varies_too_seldom": marked("fewer than five tests have varied it"),
    "same_as_others": marked("it always came with other traits"),
    "too_few_tests": marked("there are too few tests"),
}

_KINDS = {
    "placement": marked("Placement"),
    "section": marked("Section"),
    "device": marked("Device"),
    "reader_type": marked("Kind of reader"),
}
_NOT_COUNTED = {
    "placement": marked("no test says where on the page it stood"),
    "section": marked("the section of the page is not kept with a reader's first appeal"),
    "device": marked("none of your own tests counts here, and imported ones have totals only"),
    "reader_type": marked("none of your own tests counts here, and imported ones have totals only"),
}
_NOTHING_SAID = {
    "one_group": marked("all tests stand in one and the same"),
    "too_few_tests": marked("no trait is varied by five tests in each of two groups"),
}

#: q-value from which a trait is said to work differently.
_DIFFERENT = 0.05

#: Rows of the folded table of effects by groups; the query has all.
_MOST_ROWS = 60


def unknown_section(known: WordingResult, spoken: Voice) -> Section | None:
    """Traits without an effect, each with its reason; None where all have one."""
    say = spoken.say
    unknown = known.effects.filter(outcome="conversion", status="unknown").sort("tests_varying", descending=True)
    if unknown.is_empty():
        return None
    why = [say(_REASONS.get(str(reason), _REASONS["too_few_tests"])) for reason in unknown["reason"]]
    is_one = len(set(why)) == 1
    rows = tuple(
        TableRow(
            Cell(trait_name(row, spoken), plain(say(str(row["meaning"])), 200)),
            (*([] if is_one else [Cell(reason)]), Cell(spoken.count(row["tests_seen"])), Cell(spoken.count(row["tests_varying"]))),
        )
        for row, reason in zip(unknown.iter_rows(named=True), why, strict=True)
    )  # fmt: skip
    columns = (
        Column(say("Trait")),
        *([] if is_one else [Column(say("Why"))]),
        Column(say("Tests that had it"), "", "number"),
        Column(say("Tests that varied it"), "", "number"),
    )
    blocks: list[Block] = [Table(say("Traits without an effect"), columns, rows)]
    if is_one:
        blocks.append(Sentences((say("Of each of these: {reason}.", reason=why[0]),)))
    return Section(
        "unknown",
        say("Not tested enough to say"),
        tuple(blocks),
        lead=say("A test that varies one of these alone would teach most. askwell wording draft.txt says which, for a text of yours."),
        queries=(query(say("Every trait without an effect"), "wording_effects", known, "outcome = 'conversion' AND status = 'unknown'"),),
    )  # fmt: skip


def interactions_section(known: WordingResult, spoken: Voice) -> Section | None:
    """Whether a trait works differently by placement, section or device; None where nothing was judged out of sample."""
    if known.outcome()["reason"] is not None:
        return None
    say = spoken.say
    names = {str(row["trait"]): row for row in known.effects.iter_rows(named=True)}
    told = known.interactions.drop_nulls("trait")
    blocks: list[Block] = [
        Sentences(
            tuple(
                _kind_sentence(str(kind[0]), rows, names, spoken)
                for kind, rows in known.interactions.group_by("kind", maintain_order=True)
            ),
            is_list=True,
        )
    ]
    if told.height:
        rows = tuple(
            TableRow(
                Cell(trait_name(names[row["trait"]], spoken)),
                (
                    Cell(f"{say(_KINDS[row['kind']])}: {plain(row['level'], 40)}"),
                    Cell(spoken.percent(row["lift"], plus=True)),
                    Cell(spoken.percent_range(interval(row))),
                    Cell(spoken.count(row["tests_varying"])),
                    Cell(spoken.decimal(row["q"], 3)),
                ),
            )
            for row in told.sort("q", maintain_order=True).head(_MOST_ROWS).iter_rows(named=True)
        )
        blocks.append(
            Table(
                say("Effect of each trait in each group"),
                (Column(say("Trait")), Column(say("Group")), Column(say("Seen"), "", "number"), Column(say("Range")), Column(say("Tests that varied it"), "", "number"), Column(say("q of equal effects"), "", "number")),
                rows,
                summary=say("Effects by group"),
            )
        )  # fmt: skip
    return Section(
        "groups",
        say("Where a trait works differently"),
        tuple(blocks),
        lead=say("Exploratory: traits were not varied for it. A trait is named where equal effects in all groups are not likely (q at most 0.05)."),
        queries=(query(say("Every trait in every group"), "wording_interactions", known), effects_query(known, spoken)),
    )  # fmt: skip


def _kind_sentence(kind: str, rows: pl.DataFrame, names: Mapping[str, Row], spoken: Voice) -> str:
    name, reason = spoken.say(_KINDS[kind]), rows["reason"][0]
    if reason is not None:
        why = _NOT_COUNTED[kind] if reason == "not_counted" else _NOTHING_SAID[reason]
        return spoken.say("{kind}: not known, {reason}.", kind=name, reason=spoken.say(why))
    differing = rows.filter(pl.col("q") <= _DIFFERENT)["trait"].unique(maintain_order=True)
    if differing.is_empty():
        return spoken.say_n(
            "{kind}: no clear difference; {count} trait could be compared.",
            "{kind}: no clear difference; {count} traits could be compared.",
            rows["trait"].n_unique(),
            kind=name,
        )
    said = [spoken.say("“{name}”", name=trait_name(names[trait], spoken)) for trait in differing]
    return spoken.say("{kind}: {traits} works differently from group to group.", kind=name, traits=spoken.listed(said))


def coding_section(known: WordingResult, spoken: Voice) -> Section:
    """How texts were coded, and how far people agree with the rules."""
    say, row = spoken.say, known.outcome()
    by_rules = say("Traits are coded by rules for texts in {language}, written before any result was seen. Irony, pictures and layout are not coded.", language=str(row["language"]))  # fmt: skip
    asked = (query(say("Rules beside people, trait by trait"), "wording_agreement", known),)
    heading = say("How texts were coded")
    if known.agreement.is_empty():
        nobody = say("No wording here has been coded by a person. [variants.traits] in an experiment's file overrules a rule and adds traits.")  # fmt: skip
        return Section("coding", heading, (Sentences((by_rules, nobody), is_list=True),), queries=asked)
    names = {str(one["trait"]): one for one in known.effects.iter_rows(named=True)}
    rows = tuple(
        TableRow(
            Cell(trait_name(names[one["trait"]], spoken)),
            (
                Cell(spoken.count(one["texts"])),
                Cell(spoken.count(one["seen_by_both"] + one["seen_by_none"])),
                Cell(spoken.count(one["seen_by_rules"])),
                Cell(spoken.count(one["seen_by_people"])),
                Cell(_kappa(one, spoken)),
            ),
        )
        for one in known.agreement.sort("texts", descending=True, maintain_order=True).iter_rows(named=True)
    )
    return Section(
        "coding",
        heading,
        (
            Sentences((by_rules, say("Where people coded a wording, they overrule the rules.")), is_list=True),
            Table(
                say("Agreement of rules and people"),
                (Column(say("Trait")), Column(say("Wordings that people coded"), "", "number"), Column(say("Agree"), "", "number"), Column(say("Only rules see it"), "", "number"), Column(say("Only people see it"), "", "number"), Column(say("Kappa"), say("1 full agreement, 0 chance"))),
                rows,
            ),
        ),
        queries=(*asked, effects_query(known, spoken)),
    )  # fmt: skip


def _kappa(row: Row, spoken: Voice) -> str:
    if row["kappa"] is None:
        return spoken.say("not known: fewer than ten wordings, or all alike")
    value, low, high = (spoken.decimal(number(row, column), 2) for column in ("kappa", "low", "high"))
    return spoken.say("{value} ({low} to {high})", value=value, low=low, high=high)


def surfaces_section(
    known: WordingResult, others: Sequence[tuple[str, WordingResult]], further: pl.DataFrame, spoken: Voice
) -> Section | None:
    """The other surfaces, a line and a page each; None where there is one only.

    Args:
        others: Path of the page and what is known, by surface.
        further: Rows of `wording_prediction` on surfaces that are not looked at.
    """
    if not others and further.is_empty():
        return None
    say = spoken.say
    rows = tuple(
        TableRow(
            Cell(plain(str(one.outcome()["surface"]), 40), href=path),
            (Cell(spoken.count(number(one.outcome(), "tests"))), Cell(_told_apart(one.outcome(), spoken))),
        )
        for path, one in others
    )
    table = Table(say("What is known on each"), (Column(say("Surface")), Column(say("Tests"), "", "number"), Column(say("Do words predict?"))), rows)  # fmt: skip
    missing = further.filter(reason=TOO_MANY_SURFACES, outcome="conversion")
    more = (
        ()
        if missing.is_empty()
        else (
            Sentences(
                (
                    spoken.say_n(
                        "{count} further surface with fewer tests is not looked at: is the column of the import the right one?",
                        "{count} further surfaces with fewer tests are not looked at: is the column of the import the right one?",
                        missing.height,
                    ),
                )
            ),
        )
    )
    return Section(
        "surfaces",
        say("Other surfaces, kept apart"),
        (*((table,) if rows else ()), *more),
        lead=say(
            "This page is about “{name}”. A gift, a subscription and a click on a headline are different things, and are not added up. askwell wording --surface asks about another one.",
            name=plain(str(known.outcome()["surface"]), 40),
        ),
    )  # fmt: skip


def _told_apart(row: Row, spoken: Voice) -> str:
    if row["reason"] is not None:
        return spoken.say("Too early")
    if row["is_predicting"]:
        return spoken.say("In {share} of pairs of later tests (range {low} to {high})", **shares(row, spoken))
    return spoken.say("No better than chance (range {low} to {high})", **shares(row, spoken))


def limits_section(known: WordingResult, spoken: Voice) -> Section:
    """What no table on wording can say, and what was left out."""
    say, row = spoken.say, known.outcome()
    said: list[str] = [
        say("Wordings were not given to tests by chance: a trait that came with a season, a topic or another trait cannot be told from it. These are associations inside tests. Only a test that varies a trait alone shows a cause."),
    ]  # fmt: skip
    if row["tests_left_out"]:
        said.append(
            spoken.say_n(
                "{count} test is left out because a trust check blocks it.",
                "{count} tests are left out because a trust check blocks them.",
                number(row, "tests_left_out"),
            )
        )
    if row["arms_uncoded"]:
        said.append(
            spoken.say_n(
                "{count} wording is left out: its words are not known, or in another language.",
                "{count} wordings are left out: their words are not known, or in another language.",
                number(row, "arms_uncoded"),
            )
        )
    return Section("limits", say("What this cannot say"), (Sentences(tuple(said), is_list=True),))

"""The texts behind it: for each trait of which something can be said, the clearest pair of texts each way, whole."""

from __future__ import annotations

from analysis.wording.differences import part_difference
from analysis.wording.result import WordingResult
from dashboards.blocks import Example, Examples, Section, TraitExamples
from dashboards.phrasing.voice import Voice
from dashboards.phrasing.words import plain
from dashboards.wording.rows import STATUS, Row, effects_query, estimated, number, query, trait_name

#: Traits with examples at most.
MOST_TRAITS = 12

#: Characters from which a text is folded away, of one text at most, and of all texts of a page.
FOLDED, LONGEST, BUDGET = 320, 3_000, 60_000


def playbook_section(known: WordingResult, spoken: Voice) -> Section | None:
    """Pairs of texts with their results; None where nothing was judged out of sample, or no trait says anything."""
    if known.outcome()["reason"] is not None:
        return None
    rows = [row for row in estimated(known) if row["status"] in ("confirmed", "contradicted", "leaning")]
    if not rows:
        return None
    say, left = spoken.say, BUDGET
    pairs = {(str(row["trait"]), str(row["side"])): row for row in known.examples.iter_rows(named=True)}
    shown = []
    for row in rows[:MOST_TRAITS]:
        sides = [pairs.get((str(row["trait"]), side)) for side in ("more", "less")]
        left -= sum(len(str(pair[text])) for pair in sides if pair for text in ("with_text", "without_text"))
        if left < 0:
            break
        shown.append(
            TraitExamples(
                trait_name(row, spoken),
                say(STATUS[str(row["status"])][0]),
                *(None if pair is None else _example(pair, str(row["unit"]) == "present", spoken) for pair in sides),
            )
        )
    return Section(
        "playbook",
        say("The texts behind it"),
        (Examples(tuple(shown), str(known.outcome()["language"])),),
        lead=say("For each trait the pair of texts of one test in which it went with most, and that in which it went with least, as readers saw them. Words that only the text with the trait has are marked. Extremes of many, so expect less; the table above is the rule."),
        queries=(
            query(say("The clearest pair each way of every trait, texts in full"), "wording_examples", known),
            effects_query(known, spoken),
        ),
    )  # fmt: skip


def _example(pair: Row, is_switch: bool, spoken: Voice) -> Example:
    say, (first, second) = spoken.say, (str(pair[side])[:LONGEST] for side in ("with_text", "without_text"))
    value = spoken.percent(number(pair, "lift"), plus=True)
    results = {"result": _result(pair, "with", spoken)}, {"result": _result(pair, "without", spoken)}
    said = (
        (say("{value} against the text without it", value=value), say("With it: {result}", **results[0]), say("Without: {result}", **results[1]))
        if is_switch
        else (say("{value} against the text with less", value=value), say("With more: {result}", **results[0]), say("With less: {result}", **results[1]))
    )  # fmt: skip
    pieces = part_difference("body", second, first).pieces
    return Example(
        headline=said[0],
        pieces=tuple(piece for piece in pieces if piece.kind != "replaced"),
        result=said[1],
        other=second,
        other_result=said[2],
        test=say("Test {test}", test=plain(str(pair["test_id"]), 60)),
        is_long=max(len(first), len(second)) > FOLDED,
    )


def _result(pair: Row, side: str, spoken: Voice) -> str:
    given, asked = number(pair, f"{side}_conversions"), number(pair, f"{side}_readers")
    return spoken.say(
        "{given} of {asked} ({rate})",
        given=spoken.count(given),
        asked=spoken.count(asked),
        rate=spoken.percent(given / asked, digits=2),
    )

"""Robustness: whether other rules for what counts as money come to the same conclusion."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from dashboards.blocks import Cell, Column, Section, Sentences, Table, TableRow
from dashboards.experiment.queries import table_queries
from dashboards.phrasing.voice import Voice
from dashboards.phrasing.words import plain
from dashboards.reading import Comparison, Range, Reading
from dashboards.theme import Arm

_NO_RANGE = Range(None, None)


#: Metrics that count the same money by other rules.
VALUE_RULES = ("value_uncapped", "value_annualised")


@dataclass(frozen=True)
class _Rule:
    """What the comparison says under one rule; the difference in minor units per 1,000 readers."""

    id: str
    name: str
    difference: float
    range: Range


def robustness_section(reading: Reading, spoken: Voice) -> Section | None:
    """Return every wording under each rule of value that was counted; None where money is not compared."""
    found = {arm: rules for arm in reading.others if (rules := _rules(reading, arm, spoken))}
    if not found:
        return None
    say = spoken.say
    turns = [rule for rules in found.values() for rule in rules if rule.difference * rules[0].difference < 0]
    columns = (
        Column(say("Rule")),
        Column(say("Difference"), spoken.unit_of("value"), "number"),
        Column(say("Range"), say("95%, however often you look"), "number"),
        Column(say("Same conclusion?")),
    )
    return Section(
        id="robustness",
        heading=say("Would other rules say the same?"),
        lead=say("The difference from the current wording, counted in other ways. None of them decides."),
        blocks=(
            Table(
                say("The difference under other rules"),
                columns,
                tuple(_row(arm, rules[0], rule, spoken) for arm, rules in found.items() for rule in rules),
            ),
            Sentences((_in_short(len(turns), spoken), *_approximate(reading, found.values(), spoken))),
        ),
        data=(
            ("variant_id", "rule", "difference_per_1000", "low", "high"),
            *(
                (arm.id, rule.id, rule.difference, rule.range.low, rule.range.high)
                for arm, rules in found.items()
                for rule in rules
            ),
        ),
        queries=table_queries(
            reading,
            (
                say("Differences and their ranges"),
                "estimates",
                "segment_kind = 'all' AND metric IN ('value', 'value_uncapped', 'value_annualised')",
            ),
            (say("All checks with their limits"), "checks", "check_name = 'one_donor'"),
        ),
    )


def _rules(reading: Reading, arm: Arm, spoken: Voice) -> tuple[_Rule, ...]:
    """The registered rule and at least one other; nothing where there is no difference or no other rule."""
    main = reading.comparison(arm.id, "value")
    if main is None or main.difference is None:
        return ()
    registered = _Rule("registered", spoken.say("As registered"), main.difference, main.difference_range)
    others = [*_other_values(reading, main, spoken), *_without_the_largest(reading, main, spoken)]
    return (registered, *others) if others else ()


def _row(arm: Arm, registered: _Rule, rule: _Rule, spoken: Voice) -> TableRow:
    within = spoken.difference_range("value", rule.range) if rule.range.is_known else spoken.say("no range")
    conclusion = (
        Cell(spoken.say("what is compared"), weak=True)
        if rule is registered
        else Cell(_conclusion(registered, rule, spoken))
    )
    head = Cell(rule.name, plain(arm.variant.label, 40) if rule is registered else "")
    cells = (Cell(spoken.difference("value", rule.difference)), Cell(within), conclusion)
    return TableRow(head, cells, arm.letter, arm.token)


def _conclusion(registered: _Rule, other: _Rule, spoken: Voice) -> str:
    was_clear, is_clear = registered.range.clears_zero, other.range.clears_zero
    if other.difference * registered.difference < 0:
        if was_clear or is_clear:
            return spoken.say("No: the sign turns")
        return spoken.say("The sign turns; neither is clear of zero")
    if not (registered.range.is_known and other.range.is_known):
        return spoken.say("The same sign")
    if was_clear == is_clear:
        return spoken.say("Yes: clear of zero") if is_clear else spoken.say("Yes: not clear of zero")
    return spoken.say("Clearer: only here clear of zero") if is_clear else spoken.say("Weaker: no longer clear of zero")


def _in_short(turns: int, spoken: Voice) -> str:
    if not turns:
        return spoken.say("The sign stays the same.")
    return spoken.say_n(
        "In {count} row the sign turns: look before you decide.",
        "In {count} rows the sign turns: look before you decide.",
        turns,
    )


def _approximate(reading: Reading, found: Iterable[Sequence[_Rule]], spoken: Voice) -> tuple[str, ...]:
    """Where planned shares changed, phases are weighted before the largest giver of the control is taken out, not after."""
    is_told = any(rule.id == _without(reading.control) for rules in found for rule in rules)
    if not is_told or len(reading.result.experiment.allocation) < 2:
        return ()
    return (
        spoken.say(
            "Planned shares changed during this test: without the largest {giver} of the current wording, the difference is approximate.",
            giver=spoken.words.giver,
        ),
    )


def _without(arm: Arm) -> str:
    return f"without_largest_of_{arm.id}"


def _other_values(reading: Reading, main: Comparison, spoken: Voice) -> Iterator[_Rule]:
    say, arm = spoken.say, main.arm
    names = (say("Without the cap"), say("Monthly payments counted for a year"))
    for metric, name in zip(VALUE_RULES, names, strict=True):
        other = reading.comparison(arm.id, metric)
        if other is not None and other.difference is not None:
            yield _Rule(metric, name, other.difference, other.difference_range)
    viewed = reading.result.estimates.filter(
        (pl.col("basis") == "viewed")
        & (pl.col("segment_kind") == "all")
        & (pl.col("metric") == "value")
        & (pl.col("variant_id") == arm.id)
        & pl.col("as_of").eq_missing(pl.lit(reading.day))
    )
    for row in viewed.to_dicts():
        seen = Comparison(arm, "value", row)
        if seen.difference is not None:
            name = say("Only readers who saw {the_appeal}", the_appeal=spoken.words.the_appeal)
            yield _Rule("viewed", name, seen.difference, seen.difference_range)


def _without_the_largest(reading: Reading, main: Comparison, spoken: Voice) -> Iterator[_Rule]:
    """The difference without the largest giver of either wording, from the trust check: an estimate, without a range."""
    base, lift = main.number("mean_control"), main.number("lift")
    if base is None or lift is None:
        return
    names = {
        main.arm.id: spoken.say("Without its largest {giver}", giver=spoken.words.giver),
        reading.control.id: spoken.say("Without the largest {giver} of the current wording", giver=spoken.words.giver),
    }
    for row in reading.result.checks.to_dicts():
        if row["check_name"] != "one_donor" or row["variant_id"] not in names or not row["detail"]:
            continue
        found = json.loads(row["detail"])
        with_it, without = (found.get(key, {}).get(main.arm.id) for key in ("lift", "lift_without"))
        # The check has a row for each rule of value; the lift tells which one this is.
        if with_it is None or without is None or not math.isclose(with_it, lift, rel_tol=1e-9):
            continue
        left = 1 - found["share"] if row["variant_id"] == reading.control.id else 1.0
        name, whose = names.pop(row["variant_id"]), reading.arm_by_id[row["variant_id"]]
        yield _Rule(_without(whose), name, without * base * left * 1_000, _NO_RANGE)

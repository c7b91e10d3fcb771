"""Trust checks in words: one sentence on each, from the figures that it found."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from dashboards.phrasing.voice import Voice
from dashboards.phrasing.words import capital, plain, reason_words, sentence, wording
from dashboards.reading import Reading, Row
from dashboards.translations import marked


@dataclass(frozen=True)
class CheckWords:
    """A trust check in words: its name, a clause for a headline when it fails, and a sentence with the number.

    Attributes:
        status: The worst over the variants it was asked for: `block`, `warn`, `pass` or `not_applicable`.
    """

    name: str
    short: str
    sentence: str
    status: str


#: Names of checks and what a headline says when they fail. Codes are those of the table `checks`.
_CHECKS: Mapping[str, tuple[str, str]] = {
    "sample_ratio": (marked("Split as planned"), marked("readers were not split as planned")),
    "contamination": (marked("One wording a reader"), marked("too many readers saw two wordings")),
    "contamination_by_variant": (marked("Readers of two wordings, evenly spread"), marked("readers changed wording unevenly")),
    "left_out_by_variant": (marked("Readers left out, evenly spread"), marked("readers were left out unevenly")),
    "late_assignment": (marked("Split as planned on every day"), marked("readers were not split as planned on some day")),
    "untied_gifts": (marked("Tied to readers alike"), marked("{gifts} of one wording are tied to readers less often")),
    "denominator": (marked("Seen alike"), marked("the wordings were not seen equally often")),
    "basis_agreement": (marked("Both ways to count agree"), marked("the two ways to count readers disagree")),
    "cap_agreement": (marked("Same sign with and without the cap"), marked("the cap turns the result round")),
    "one_donor": (marked("No single reader decides"), marked("a single reader decides the result")),
    "pooled_agreement": (marked("Phases agree"), marked("the phases of the test disagree")),
    "novelty": (marked("No trend over time"), marked("the effect changed over time")),
    "maturity": (marked("Open outcome windows"), marked("outcomes are still open")),
    "balance": (marked("Groups alike beforehand"), marked("the groups differed before the test")),
    "before_the_test": (marked("Same readers before the test"), marked("the groups differed before the test")),
}  # fmt: skip
CHECK_STATUSES = ("block", "warn", "pass", "not_applicable")


def checks_in_words(reading: Reading, spoken: Voice) -> tuple[CheckWords, ...]:
    """Return every trust check in words, those that failed first; rows of one check over variants become one line."""
    by_code: dict[str, list[Row]] = {}
    for row in reading.result.checks.to_dicts():
        by_code.setdefault(str(row["check_name"]), []).append(row)
    found = [_check(code, rows, reading, spoken) for code, rows in by_code.items()]
    return tuple(sorted(found, key=lambda words: _severity(words.status)))


def _severity(status: str) -> int:
    return CHECK_STATUSES.index(status) if status in CHECK_STATUSES else 1


def _check(code: str, rows: Sequence[Row], reading: Reading, spoken: Voice) -> CheckWords:
    status = min((str(row["status"]) for row in rows), key=_severity)
    worst = [row for row in rows if row["status"] == status]
    if code in _CHECKS:
        name, short = (spoken.say(text, gifts=spoken.words.gifts) for text in _CHECKS[code])
    else:
        name, short = sentence(plain(code.replace("_", " "))).rstrip("."), spoken.say("a trust check failed")
    if status == "not_applicable":
        reasons = " ".join(dict.fromkeys(reason_words(row["reason"], spoken) for row in worst))
        return CheckWords(name, short, spoken.say("Not asked: {reason}", reason=spoken.inside(reasons)), status)
    findings = [_Finding(row, _detail(row["detail"]), reading, spoken) for row in worst]
    said = _CHECK_SENTENCES.get(code)
    text = None if said is None else said(findings)
    if text is None:
        note = findings[0].detail.get("sentence")
        if isinstance(note, str):
            text = sentence(plain(note, 240))
        elif status == "block":
            text = sentence(short)
        else:
            text = {"pass": spoken.say("Nothing unusual."), "warn": spoken.say("Worth a look.")}.get(
                status, spoken.say("Not known.")
            )
    return CheckWords(name, short, text, status)


@dataclass(frozen=True)
class _Finding:
    """One row of a check with the numbers of its `detail`."""

    row: Row
    detail: Mapping[str, Any]
    reading: Reading
    spoken: Voice

    @property
    def status(self) -> str:
        return str(self.row["status"])

    @property
    def name(self) -> str:
        arm = self.reading.arm_by_id.get(str(self.row.get("variant_id")))
        return self.spoken.say("one wording") if arm is None else wording(arm, self.spoken)

    def number(self, key: str) -> float | None:
        value = self.detail.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return None
        return float(value)

    def percent(self, key: str, *, plus: bool = False) -> str:
        value = self.number(key)
        return self.spoken.say("not known") if value is None else self.spoken.percent(value, plus=plus)


def _detail(text: object) -> Mapping[str, Any]:
    if not isinstance(text, str):
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _split_sentence(findings: Sequence[_Finding]) -> str | None:
    detail, reading, spoken = findings[0].detail, findings[0].reading, findings[0].spoken
    planned, seen = detail.get("planned"), detail.get("observed")
    if not isinstance(planned, dict) or not isinstance(seen, dict):
        return None

    def shares(of: Mapping[str, Any], digits: int) -> str:
        return "/".join(spoken.decimal(float(of.get(arm.id, 0.0)) * 100, digits) for arm in reading.arms)

    is_whole = all(abs(float(value) * 100 - round(float(value) * 100)) < 1e-9 for value in planned.values())
    said = [
        spoken.say(
            "Planned {planned}, seen {seen}.", planned=shares(planned, 0 if is_whole else 1), seen=shares(seen, 2)
        )
    ]
    if detail.get("is_registered") is False:
        said.append(spoken.say("No planned shares were given, so equal ones were assumed."))
    scaled = findings[0].number("scaled_by")
    if scaled is not None and scaled > 1:
        said.append(
            spoken.say(
                "All counts are multiples of {number}: they were sampled and scaled up, and divided back here.",
                number=spoken.count(scaled),
            )
        )
    return " ".join(said)


def _contamination_sentence(findings: Sequence[_Finding]) -> str | None:
    found, spoken = findings[0], findings[0].spoken
    share = found.number("share")
    if share is None:
        return None
    readers, part = found.number("readers"), spoken.part(share)
    of_readers = spoken.words.of_readers
    if readers is None:
        return capital(spoken.say("{share} {of_readers} saw more than one wording.", share=part, of_readers=of_readers))
    return capital(
        spoken.say(
            "{share} {of_readers} ({number}) saw more than one wording.",
            share=part,
            of_readers=of_readers,
            number=spoken.count(readers),
        )
    )


def _spread_sentence(findings: Sequence[_Finding]) -> str | None:
    say = findings[0].spoken.say
    if findings[0].status == "pass":
        return say("Readers who saw two wordings are spread over the wordings as chance would have it.")
    return say("Readers who saw two wordings started in one of them more often than chance would have it.")


def _left_out_sentence(findings: Sequence[_Finding]) -> str | None:
    found, say = findings[0], findings[0].spoken.say
    if found.status == "pass":
        return say("Readers whom the rules leave out are spread over the wordings as chance would have it.")
    readers = found.detail.get("readers")
    if not isinstance(readers, dict):
        return None
    counts = [
        f"{arm.letter} {found.spoken.count(float(readers[arm.id]))}" for arm in found.reading.arms if arm.id in readers
    ]
    return say(
        "The rules leave out more readers of one wording than of another than chance would ({counts}). See who is counted.",
        counts="; ".join(counts),
    )


def _late_sentence(findings: Sequence[_Finding]) -> str | None:
    found, spoken = findings[0], findings[0].spoken
    if found.status == "pass":
        return spoken.say("On no day were readers split otherwise than chance would have it.")
    try:
        day = date.fromisoformat(str(found.detail.get("day")))
    except ValueError:
        return None
    return spoken.say(
        "On {day} the shares of the wordings were off by {off}: look at what was released or switched that day.",
        day=spoken.day(day),
        off=found.percent("off"),
    )


def _before_sentence(findings: Sequence[_Finding]) -> str | None:
    spoken = findings[0].spoken
    names = {
        "visits_before": spoken.say("pageviews before the test"),
        "gifts_before": spoken.say("{givers} before the test", givers=spoken.words.givers),
    }
    if findings[0].status == "pass":
        asked = spoken.listed(list(dict.fromkeys(names.get(str(item.row.get("metric")), "") for item in findings)))
        return spoken.say("Before anybody was asked the groups were alike: {what}.", what=asked)
    said = [
        spoken.say(
            "{what} of {wording} differed by {lift}",
            what=names.get(str(item.row.get("metric")), ""),
            wording=item.name,
            lift=item.percent("lift", plus=True),
        )
        for item in findings
    ]
    return (
        sentence(capital("; ".join(said))) + " " + spoken.say("Readers were not split by chance, or not counted alike.")
    )


def _untied_sentence(findings: Sequence[_Finding]) -> str | None:
    say, gifts = findings[0].spoken.say, findings[0].spoken.words.gifts
    shares = "; ".join(
        say(
            "{share} under {wording} and {control} under the current wording",
            share=item.percent("share"),
            wording=item.name,
            control=item.percent("share_control"),
        )
        for item in findings
    )
    if findings[0].status == "pass":
        return say("The share of {gifts} tied to nobody is alike: {shares}.", gifts=gifts, shares=shares)
    return say(
        "The share of {gifts} tied to nobody differs: {shares}. What they brought in is missing unevenly.",
        gifts=gifts,
        shares=shares,
    )


def _denominator_sentence(findings: Sequence[_Finding]) -> str | None:
    found, spoken = findings[0], findings[0].spoken
    words = spoken.words
    if found.status != "pass":
        said = [
            spoken.say(
                "{share} under {wording} and {control} under the current wording",
                share=item.percent("share"),
                wording=item.name,
                control=item.percent("share_control"),
            )
            for item in findings
        ]
        return capital(
            spoken.say(
                "{the_appeal} came into view for {shares}. A wording that changes who sees it cannot be judged by those who saw it.",
                the_appeal=words.the_appeal,
                shares="; ".join(said),
            )
        )
    shares = [
        share for item in findings for key in ("share", "share_control") if (share := item.number(key)) is not None
    ]
    if not shares:
        return None
    low, high = spoken.percent(min(shares)), spoken.percent(max(shares))
    span = low if low == high else spoken.say("{low} to {high}", low=low, high=high)
    return capital(
        spoken.say(
            "{the_appeal} came into view for {share} {of_readers}, whatever the wording.",
            the_appeal=words.the_appeal,
            share=span,
            of_readers=words.of_readers,
        )
    )


def _each_said(findings: Sequence[_Finding], message: str, *differences: str) -> str:
    """The message once for each wording, with the differences that the check found of it."""
    return "; ".join(
        item.spoken.say(message, wording=item.name, **{name: item.percent(name, plus=True) for name in differences})
        for item in findings
    )


def _basis_sentence(findings: Sequence[_Finding]) -> str | None:
    spoken = findings[0].spoken
    if findings[0].status == "pass":
        return spoken.say("Counted from the first view instead, nothing speaks strongly the other way.")
    message = marked("{wording} is {exposed} counted as registered and {viewed} counted from the first view")
    return sentence(capital(_each_said(findings, message, "exposed", "viewed")))


def _cap_sentence(findings: Sequence[_Finding]) -> str | None:
    spoken = findings[0].spoken
    if findings[0].status == "pass":
        return spoken.say("With the cap and without it the difference points the same way.")
    message = marked("{wording} is {capped} with the cap and {uncapped} without")
    said = _each_said(findings, message, "capped", "uncapped")
    return sentence(
        capital(spoken.say("{findings}: a few large {gifts} decide", findings=said, gifts=spoken.words.gifts))
    )


def _one_donor_sentence(findings: Sequence[_Finding]) -> str | None:
    largest = max(findings, key=lambda item: item.number("share") or 0.0)
    share, spoken = largest.number("share"), largest.spoken
    if share is None:
        return None
    values = {"giver": spoken.words.giver, "share": spoken.percent(share)}
    if largest.status == "pass":
        return spoken.say("The largest {giver} makes up at most {share} of what any wording brought in.", **values)
    if largest.detail.get("sign_turns") is True:
        return spoken.say(
            "One {giver} makes up {share} of what {wording} brought in; without this one the sign turns.",
            wording=largest.name,
            **values,
        )
    return spoken.say("One {giver} makes up {share} of what {wording} brought in.", wording=largest.name, **values)


def _pooled_sentence(findings: Sequence[_Finding]) -> str | None:
    spoken = findings[0].spoken
    if findings[0].status == "pass":
        return spoken.say("All phases taken together say the same as each compared within itself.")
    message = marked("{wording} is {pooled} taken together and {within_epochs} compared within phases")
    return sentence(capital(_each_said(findings, message, "pooled", "within_epochs")))


def _novelty_sentence(findings: Sequence[_Finding]) -> str | None:
    spoken = findings[0].spoken
    outcomes = spoken.words.outcomes
    if findings[0].status == "pass":
        days = findings[0].number("days")
        if days is None:
            return spoken.say("The effect on {outcomes} shows no clear trend.", outcomes=outcomes)
        return spoken.say_n(
            "The effect on {outcomes} shows no clear trend over {count} day.",
            "The effect on {outcomes} shows no clear trend over {count} days.",
            days,
            outcomes=outcomes,
        )
    said = []
    for item in findings:
        if abs(item.number("z") or 0.0) < (item.row.get("warn_at") or 0.0):
            message = marked(
                "the effect of {wording} on {outcomes} differs between days more than chance would have it"
            )
            said.append(spoken.say(message, wording=item.name, outcomes=outcomes))
            continue
        change = item.number("change_per_day") or 0.0
        values = {"wording": item.name, "outcomes": outcomes, "change": spoken.percent(abs(change))}
        said.append(
            spoken.say("the effect of {wording} on {outcomes} grows by about {change} a day", **values)
            if change > 0
            else spoken.say("the effect of {wording} on {outcomes} shrinks by about {change} a day", **values)
        )
    return sentence("; ".join(said))


def _maturity_sentence(findings: Sequence[_Finding]) -> str | None:
    found, spoken = findings[0], findings[0].spoken
    share = found.number("share")
    if share is None:
        return None
    if share == 0:
        if spoken.unit == "view":
            return spoken.say("The outcome window of every view has closed.")
        return spoken.say("The outcome window of every reader has closed.")
    return spoken.say(
        "For {share} {of_readers} the outcome window is still open; they count with what they did so far.",
        share=spoken.percent(share),
        of_readers=spoken.words.of_readers,
    )


def _balance_sentence(findings: Sequence[_Finding]) -> str | None:
    found, spoken = findings[0], findings[0].spoken
    p, columns = found.number("p"), found.detail.get("columns")
    if p is None or not isinstance(columns, dict) or not columns:
        return None
    known = {name: one["p"] for name, one in columns.items() if isinstance(one.get("p"), float)}
    said = spoken.say(
        "{count} {columns} known before the test, taken together: {odds}.",
        count=spoken.count(len(columns)),
        columns=spoken.say("column") if len(columns) == 1 else spoken.say("columns"),
        odds=_odds(p, spoken),
    )
    if not known:
        return said
    least = min(known, key=lambda name: known[name])
    apart = spoken.say("Furthest apart: {column}, {odds}.", column=plain(least, 40), odds=_odds(known[least], spoken))
    return f"{said} {apart}"


def _odds(p: float, spoken: Voice) -> str:
    """How often chance alone brings such a difference."""
    if p < 0.001:
        return spoken.say("chance alone does this less than once in a thousand draws")
    return spoken.say("chance alone does this in {percent} of draws", percent=spoken.percent(p))


_CHECK_SENTENCES: Mapping[str, Callable[[Sequence[_Finding]], str | None]] = {
    "sample_ratio": _split_sentence,
    "contamination": _contamination_sentence,
    "contamination_by_variant": _spread_sentence,
    "left_out_by_variant": _left_out_sentence,
    "late_assignment": _late_sentence,
    "before_the_test": _before_sentence,
    "untied_gifts": _untied_sentence,
    "denominator": _denominator_sentence,
    "basis_agreement": _basis_sentence,
    "cap_agreement": _cap_sentence,
    "one_donor": _one_donor_sentence,
    "pooled_agreement": _pooled_sentence,
    "novelty": _novelty_sentence,
    "maturity": _maturity_sentence,
    "balance": _balance_sentence,
}

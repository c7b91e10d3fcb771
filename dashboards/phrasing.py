"""Results to words: numbers, money, ranges, dates, evidence, verdicts, checks and reasons, by locale and surface.

The page, the index, the brief and the terminal all print what `verdict_words` returns. Numbers follow the locale
(Babel), sentences the language (`translations`): every one of them goes through `Voice.say`. No sentence claims more
than the rule behind it has tested, and colours, charts and HTML are not known here.
"""

from __future__ import annotations

import copy
import json
import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Literal

from babel import Locale
from babel.dates import format_date, format_datetime, format_skeleton
from babel.lists import format_list
from babel.numbers import NumberPattern, format_decimal, get_currency_precision

from analysis.experiment_result import NO_CURRENCY, Audience, ExperimentResult
from analysis.registry import Experiment
from dashboards.reading import DAYS_PER_MONTH, PROVEN, Comparison, Range, Reading, Row, Worth, metric_kind
from dashboards.theme import Arm
from dashboards.translations import SOURCE, language_of, marked, messages

MINUS = "\N{MINUS SIGN}"
Tone = Literal["up", "down", "note", "link", "mute"]
Icon = Literal["tick", "equals", "clock", "question", "hand", "exclamation"]

#: Longest headline in characters; forms of a sentence are tried from the fullest to the shortest.
HEADLINE_LENGTH = 90

CURRENT = "the current wording"


@dataclass(frozen=True)
class Vocabulary:
    """What the things of a page are called on one surface; plural unless the name says otherwise.

    Attributes:
        readers: Who is counted as one; `of_readers` the same as a part of a whole, `asked` with what happened to them.
        outcomes, outcome: What the appeal asks for, as an event; `givers` the readers who did it.
        amount: Name of the value per giver.
        appeal: The thing that carries the words; `the_appeal` as what readers saw, `first_appeal` as when they first did.
    """

    readers: str
    of_readers: str
    asked: str
    outcomes: str
    outcome: str
    givers: str
    giver: str
    amount: str
    gifts: str
    appeal: str
    the_appeal: str
    first_appeal: str
    contributed: str


_CONTRIBUTIONS = {
    "outcomes": marked("contributions"), "outcome": marked("contribution"), "givers": marked("contributors"),
    "giver": marked("contributor"), "amount": marked("Average gift"), "gifts": marked("gifts"),
    "contributed": marked("contributed"),
}  # fmt: skip
_SUBSCRIPTIONS = {
    "outcomes": marked("subscriptions"), "outcome": marked("subscription"), "givers": marked("subscribers"),
    "giver": marked("subscriber"), "amount": marked("Value per subscriber"), "gifts": marked("payments"),
    "contributed": marked("subscribed"),
}  # fmt: skip
_MEMBERSHIPS = {
    "outcomes": marked("memberships"), "outcome": marked("membership"), "givers": marked("new members"),
    "giver": marked("new member"), "amount": marked("Value per member"), "gifts": marked("payments"),
    "contributed": marked("became members"),
}  # fmt: skip
_READERS = {"readers": marked("readers"), "of_readers": marked("of readers"), "asked": marked("readers asked")}
_BLOCKED = {
    "readers": marked("blocked readers"), "of_readers": marked("of blocked readers"), "asked": marked("blocked readers"),
}  # fmt: skip
_VIEWS = {"readers": marked("views"), "of_readers": marked("of views"), "asked": marked("views")}
_APPEAL = {
    "appeal": marked("appeal"), "the_appeal": marked("the appeal"), "first_appeal": marked("a reader's first appeal"),
}  # fmt: skip
_PAYWALL = {
    "appeal": marked("paywall"), "the_appeal": marked("the paywall"), "first_appeal": marked("a reader's first paywall"),
}  # fmt: skip
_BANNER = {
    "appeal": marked("membership banner"), "the_appeal": marked("the membership banner"),
    "first_appeal": marked("a reader's first membership banner"),
}  # fmt: skip
_WALL = {
    "appeal": marked("registration wall"), "the_appeal": marked("the registration wall"),
    "first_appeal": marked("a reader's first registration wall"),
}  # fmt: skip

_SURFACES: Mapping[str, Mapping[str, str]] = {
    "donation": {**_CONTRIBUTIONS, **_APPEAL, **_READERS},
    "paywall": {**_SUBSCRIPTIONS, **_PAYWALL, **_BLOCKED},
    "membership": {**_MEMBERSHIPS, **_BANNER, **_READERS},
    "registration": {**_CONTRIBUTIONS, **_WALL, **_READERS},
}


@cache
def _words(surface: str, unit: str, language: str) -> Vocabulary:
    words = {**_SURFACES[surface], **(_VIEWS if unit == "view" else {})}
    return Vocabulary(**{name: messages(language).gettext(word) for name, word in words.items()})


@cache
def _locale(name: str) -> Locale:
    return Locale.parse(name, sep="-")


@cache
def _pattern(locale: str, kind: Literal["percent", "money"], digits: int) -> NumberPattern:
    """The locale's own pattern with exactly `digits` decimals."""
    formats = _locale(locale)
    pattern = copy.copy(formats.percent_formats[None] if kind == "percent" else formats.currency_formats["standard"])
    pattern.frac_prec = (digits, digits)
    return pattern


@dataclass(frozen=True)
class Voice:
    """How numbers and things are said on one page.

    Money goes in as minor units of the currency; `surface` and `unit` choose the vocabulary. `language` is a code of
    `translations.languages()`; empty for the locale's own, English where there is no file for that.
    """

    locale: str
    currency: str
    surface: str = "donation"
    unit: str = "reader"
    language: str = ""

    @property
    def words(self) -> Vocabulary:
        """The vocabulary of the surface; views take the place of readers where views were counted."""
        return _words(self.surface, self.unit, self.spoken_language)

    # -- sentences ------------------------------------------------------------------------------------------------

    @property
    def spoken_language(self) -> str:
        """Code of the language of the sentences."""
        return self.language or language_of(self.locale)

    def say(self, message: str, /, **values: object) -> str:
        """Return a message in the language of the page, its named places filled: `say("from {low} on", low=…)`."""
        text = messages(self.spoken_language).gettext(message) if message else ""
        return text.format(**values) if values else text

    def say_n(self, one: str, many: str, number: float, /, **values: object) -> str:
        """Return the form of a message that goes with the number, which is there to be named as `{count}`."""
        text = messages(self.spoken_language).ngettext(one, many, math.ceil(abs(number)))
        return text.format(**{"count": self.count(number), **values})

    def say_as(self, context: str, message: str, /, **values: object) -> str:
        """Return a message whose English is said differently elsewhere; `context` tells translators where this one stands."""
        text = messages(self.spoken_language).pgettext(context, message)
        return text.format(**values) if values else text

    def listed(self, items: Sequence[str]) -> str:
        """Return `a, b and c`."""
        return format_list(items, locale=self._language_locale)

    def inside(self, text: str) -> str:
        """Return a text as it stands inside a sentence: with a small first letter, unless the language keeps capitals."""
        keeps = self.say_as("first letter of a text inside a sentence: small, or kept", "small") == "kept"
        return text if keeps else text[:1].lower() + text[1:]

    @property
    def _language_locale(self) -> Locale:
        """The locale of the sentences: the page's own where it speaks the language, else the language's plain one."""
        if self._locale.language == self.spoken_language:
            return self._locale
        return _locale("en-GB" if self.spoken_language == SOURCE else self.spoken_language)

    @property
    def _locale(self) -> Locale:
        return _locale(self.locale)

    @property
    def language_tag(self) -> str:
        """BCP 47 tag of the sentences, with the locale's country where that speaks the language."""
        return self.locale if self._locale.language == self.spoken_language else self.spoken_language

    # -- counts, shares, money ------------------------------------------------------------------------------------

    def count(self, number: float) -> str:
        """Return a whole number with the locale's grouping: `399,107`."""
        return _signed(format_decimal(abs(round(number)), locale=self._locale), number, plus=False)

    def decimal(self, number: float, digits: int, *, plus: bool = False) -> str:
        """Return a number with exactly `digits` decimals."""
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        return _signed(format_decimal(abs(number), format=pattern, locale=self._locale), number, plus=plus)

    def prose_count(self, number: float) -> str:
        """Return a count for a sentence: from a million on in words, `1.20 million`."""
        if abs(number) < 999_500:
            return self.count(number)
        if abs(number) < 999_500_000:
            return self.say("{number} million", number=self.decimal(number / 1e6, 2))
        return self.say("{number} billion", number=self.decimal(number / 1e9, 2))

    def percent(self, share: float, *, plus: bool = False, digits: int | None = None) -> str:
        """Return a share as percent: no decimal from 10 %, one below, two below 0.1 %."""
        size = abs(share) * 100
        if digits is None:
            digits = 0 if round(size, 1) >= 10 or round(size, 2) == 0 else (2 if round(size, 2) < 0.1 else 1)
        pattern = _pattern(self.locale, "percent", digits)
        return _signed(pattern.apply(abs(share), self._locale), share, plus=plus)

    def part(self, share: float) -> str:
        """Return a part of a whole as percent; what is not nothing is never said to be 0 %."""
        least = 0.0001
        if 0 < share < least / 2:
            return self.say("under {share}", share=self.percent(least, digits=2))
        return self.percent(share)

    def margin(self, share: float) -> str:
        """Return a registered share as it was written: `1%`, `2.5%`."""
        return self.percent(share, digits=0 if math.isclose(share * 100, round(share * 100)) else 1)

    @property
    def exponent(self) -> int:
        """Decimals of the currency: 2 for the pound, 0 for the yen."""
        return get_currency_precision(self.currency)

    def money(self, minor: float, *, digits: int | None = None, plus: bool = False) -> str:
        """Return minor units as money, with the currency's decimals unless `digits` says otherwise."""
        digits = self.exponent if digits is None else min(digits, self.exponent)
        digits = 0 if minor == 0 else digits
        pattern = _pattern(self.locale, "money", digits)
        text = pattern.apply(
            abs(minor) / 10**self.exponent, self._locale, currency=self.currency, currency_digits=False
        )
        if self.currency == NO_CURRENCY:
            text = text.replace("¤", "").strip()
        # CLDR: a symbol that ends in a letter does not touch the digits (CHF 12)
        return _signed(re.sub(r"(?<=[^\W\d_])(?=\d)", "\N{NO-BREAK SPACE}", text), minor, plus=plus)

    def headline_money(self, minor: float) -> str:
        """Return money for a sentence: no decimals from 10 units on, else the currency's."""
        return self.money(minor, digits=0 if abs(minor) / 10**self.exponent >= 9.995 else None)

    def sum_of_money(self, minor: float, within: Range, *, plus: bool = False) -> str:
        """Return a sum rounded to the leading two figures of its range: more digits would claim too much."""
        return self.money(_rounded(minor, within), digits=self._sum_digits(within, minor), plus=plus)

    def range_of_sums(self, within: Range) -> str:
        """Return the range of a sum, signed: `−£1,000 to +£12,000`. Rounded outwards, so that it never shrinks."""
        digits = self._sum_digits(within, 0.0)
        outward = Range(
            None if within.low is None else _rounded(within.low, within, math.floor),
            None if within.high is None else _rounded(within.high, within, math.ceil),
        )
        return self._signed_range(outward, lambda side: self.money(side, digits=digits, plus=True))

    def _sum_digits(self, within: Range, minor: float) -> int:
        largest = max(abs(side) for side in (within.low, within.high, minor) if side is not None)
        return 0 if largest >= 10 * 10**self.exponent else self.exponent

    def _signed_range(self, within: Range, say: Callable[[float], str]) -> str:
        if within.low is None and within.high is None:
            return self.say("no range")
        if within.low is None:
            return self.say("up to {high}", high=say(within.high or 0.0))
        if within.high is None:
            return self.say("{low} or more", low=say(within.low))
        return self.say("{low} to {high}", low=say(within.low), high=say(within.high))

    # -- a metric in its own unit -------------------------------------------------------------------------------------

    def level(self, metric: str, mean: float) -> str:
        """Return a mean per reader in the unit people read: money per 1,000, rate per 100,000, number per reader."""
        match metric_kind(metric):
            case "money":
                return self.money(mean * 1_000)
            case "binary":
                return self.per_100_000(mean)
            case _:
                return self.decimal(mean, 2)

    def per_100_000(self, rate: float, *, plus: bool = False) -> str:
        """Return a rate per 100,000, as a bare number: whole from 10 on, one decimal below."""
        number = rate * 100_000
        return self.decimal(number, 0 if abs(number) >= 9.95 or number == 0 else 1, plus=plus)

    def difference(self, metric: str, per_1000: float, *, plus: bool = True) -> str:
        """Return a difference per 1,000 readers in the unit of `level`."""
        match metric_kind(metric):
            case "money":
                return self.money(per_1000, plus=plus)
            case "binary":
                return self.per_100_000(per_1000 / 1_000, plus=plus)
            case _:
                return self.decimal(per_1000 / 1_000, 3, plus=plus)

    def difference_range(self, metric: str, within: Range) -> str:
        """Return a range of differences per 1,000 readers, signed: `+£7.52 to +£23.05`."""
        return self._signed_range(within, lambda side: self.difference(metric, side))

    def percent_range(self, within: Range) -> str:
        """Return a range of lifts, signed: `−1.0% to +43%`."""
        return self._signed_range(within, lambda side: self.percent(side, plus=True))

    def unit_of(self, metric: str) -> str:
        """Return what a level of the metric is counted per."""
        match metric_kind(metric):
            case "money":
                return self.say("per {number} {asked}", number=self.count(1_000), asked=self.words.asked)
            case "binary":
                return self.say("per {number} {asked}", number=self.count(100_000), asked=self.words.asked)
            case _:
                return self.say("per view") if self.unit == "view" else self.say("per reader")

    def range_in_words(self, metric: str, within: Range) -> str:
        """Return a range of differences as a clause: `from £3.78 less to £12.02 more`."""

        def size(value: float) -> str:
            return self.difference(metric, abs(value), plus=False)

        def side(value: float) -> str:
            less, more = self.say("{size} less", size=size(value)), self.say("{size} more", size=size(value))
            return less if value < 0 else more

        low, high = within.low, within.high
        if low is None and high is None:
            return self.say("not known")
        if low is None:
            return self.say("up to {high}", high=side(high or 0.0))
        if high is None:
            return self.say("from {low}, without an upper end", low=side(low))
        if low >= 0:
            return self.say("from {low} to {high}", low=size(low), high=side(high))
        if high <= 0:
            return self.say("from {low} to {high}", low=size(high), high=side(low))
        return self.say("from {low} to {high}", low=side(low), high=side(high))

    # -- days ---------------------------------------------------------------------------------------------------------

    def day(self, day: date) -> str:
        """Return `Mon 9 Nov 2026`, in the order of the locale's country where it speaks the language."""
        return self._day(day, "EEE d MMM y", "EEE MMM d, y", "yMMMEd")

    def short_day(self, day: date) -> str:
        """Return `9 Nov`."""
        return self._day(day, "d MMM", "MMM d", "MMMd")

    def moment(self, moment: datetime) -> str:
        """Return day and time of day, without the zone."""
        return f"{self.day(moment.date())}, {format_datetime(moment, 'HH:mm', locale='en')}"

    def _day(self, day: date, pattern: str, month_first: str, skeleton: str) -> str:
        if self.spoken_language != SOURCE:
            return format_skeleton(skeleton, datetime(day.year, day.month, day.day), locale=self._language_locale)  # noqa: DTZ001 - a day
        is_month_first = self._locale.language == "en" and self._locale.territory == "US"
        return format_date(day, month_first if is_month_first else pattern, locale="en")


def voice(audience: Audience, surface: str = "donation") -> Voice:
    """Return the voice of an audience for a surface."""
    return Voice(audience.locale, audience.currency, surface, audience.unit, audience.language)


def _signed(text: str, number: float, *, plus: bool) -> str:
    if not any(digit in text for digit in "123456789"):
        return text  # rounded to nothing: a sign would claim a direction
    if number < 0:
        return MINUS + text
    return f"+{text}" if plus else text


def _rounded(number: float, within: Range, nearest: Callable[[float], float] = round) -> float:
    sides = [abs(side) for side in (within.low, within.high) if side is not None] or [abs(number)]
    largest = max(sides)
    if largest == 0 or not math.isfinite(largest):
        return number
    step = 10.0 ** (math.floor(math.log10(largest)) - 1)
    return nearest(round(number / step, 9)) * step


# -- text from outside -----------------------------------------------------------------------------------------------


def plain(text: str, longest: int = 60) -> str:
    """Return an outside text as one line of at most `longest` characters that cannot turn or hide its neighbours.

    Control characters and the marks that reverse or override the direction of text (Unicode category Cc and Cf,
    except the joiners that scripts need) are dropped.
    """
    kept = "".join(
        " " if character.isspace() else character
        for character in text
        if character.isspace()
        or character in "\u200c\u200d"
        or unicodedata.category(character) not in ("Cc", "Cf", "Cs")
    )
    line = " ".join(kept.split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def quoted(name: str, longest: int = 40) -> str:
    """Return a variant's name in quotation marks."""
    return f"“{plain(name, longest)}”"


def wording(arm: Arm, longest: int = 40) -> str:
    """Return how a sentence names a variant: the current wording, or its name in quotation marks."""
    return CURRENT if arm.is_control else quoted(arm.variant.label, longest)


def sentence(text: str) -> str:
    """Return the text with a capital first letter and a full stop."""
    text = text.strip()
    if not text:
        return text
    return text[:1].upper() + text[1:] + ("" if text[-1] in ".!?…”" else ".")


def listed(items: Sequence[str]) -> str:
    """Return `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


def plural(number: float, one: str, many: str) -> str:
    """Return the form of a noun that goes with the number."""
    return one if number == 1 else many


# -- evidence and reasons --------------------------------------------------------------------------------------------


def evidence_words(e_value: float | None) -> str:
    """Return the strength of evidence in words: below 3 none yet, to 10 weak, to 20 substantial, from 20 proven."""
    if e_value is None:
        return "not known"
    if e_value < 3:
        return "no evidence yet"
    if e_value < 10:
        return "weak"
    return "substantial" if e_value < PROVEN else "proven"


def reason_words(reason: str | None, spoken: Voice, *, contributors: int | None = None) -> str:
    """Return why a number is absent as a sentence. A code this version does not know is shown as it is."""
    words = spoken.words
    few = "" if contributors is None else f" ({spoken.count(contributors)})"
    known = {
        "no_exposure": "Nobody has seen this wording.",
        "no_conversions_yet": f"No {words.outcomes} yet.",
        "no_conversion_in_control": f"No {words.outcomes} under {CURRENT} yet, so there is nothing to compare with.",
        "no_conversion_in_variant": f"No {words.outcomes} under this wording yet.",
        "control_mean_zero": f"Nothing was counted under {CURRENT}, so there is no percentage over it.",
        "variant_mean_zero": "Nothing was counted under this wording yet.",
        "too_few_gifts": f"Too few {words.gifts} to put a range on money{few}.",
        "too_few_readers": "Too few readers have any of it to put a range on it.",
        "no_variation": f"All {words.gifts} were equal, so there is no spread to put a range on.",
        "no_spread": "The totals carry no spread, so no range can be put on money.",
        "no_planned_share": "The planned share of this wording is not known.",
        "negative_mean": "More was paid back than given.",
        "no_dates": "The table has no dates.",
        "not_counted": "It was not counted.",
        "no_views": "No view has been recorded.",
        "one_epoch": "Planned shares never changed, so there is only one phase.",
        "too_few_days": "Too few days so far.",
        "loss_unknown": "There is too little to weigh the wordings against each other.",
        "beyond_ten_years": "At this pace it would take more than ten years.",
        "guardrail_not_settled": "It waits for a guardrail.",
        "cap_turns_sign": "It waits until the cap no longer turns the result round.",
        "no_plan": "No plan was registered.",
        "beyond_maximum": "An answer is not likely before the planned end.",
        "not_matured": "Outcome windows are still open.",
    }
    if reason is None:
        return "Not known."
    return known.get(reason) or sentence(plain(reason.replace("_", " "), 200))


# -- verdicts --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Badge:
    """The verdict in one or two words; the icon and the tone repeat it for the eye."""

    words: str
    icon: Icon
    tone: Tone
    is_outline: bool = False

    def __str__(self) -> str:
        """Return the words."""
        return self.words


@dataclass(frozen=True)
class VerdictWords:
    """The verdict of one experiment in words, the same on the page, on the index, in the brief and in the terminal.

    Attributes:
        badge: One or two words.
        headline: What was found, at most 90 characters unless names are long.
        standfirst: How sure that is, the other variants, and what changed since the last report.
        advice: What to do.
        money_line: Difference in settled value with its range, and what it is worth a month; or why not.
    """

    badge: Badge
    headline: str
    standfirst: str
    advice: str
    money_line: str


def badge_words(verdict: str, basis: str | None, *, is_control: bool = False) -> Badge:
    """Return the badge of a verdict code; an unknown code is shown as it is, muted."""
    if verdict == "use_it":
        if is_control:
            return Badge("Keep the current", "tick", "up", is_outline=basis != "proven")
        return (
            Badge("Use it · proven", "tick", "up")
            if basis == "proven"
            else Badge("Use it · best bet", "tick", "up", is_outline=True)
        )
    badges = {
        "no_difference": Badge("No difference", "equals", "mute"),
        "keep_asking": Badge("Still asking", "clock", "link"),
        "too_early": Badge("Too early", "clock", "mute"),
        "cannot_tell": Badge("Cannot tell", "question", "mute"),
        "stop_harm": Badge("Stop", "hand", "down"),
        "fix_first": Badge("Fix first", "exclamation", "note"),
    }
    return badges.get(verdict) or Badge(sentence(plain(verdict.replace("_", " "), 24)).rstrip("."), "question", "mute")


def verdict_words(result: ExperimentResult) -> VerdictWords:
    """Return the verdict of a result in words. See `VerdictWords`."""
    reading = Reading(result)
    return _Verdict(reading, voice(result.audience, result.experiment.surface)).words()


def decision_badge(result: ExperimentResult, decision: Mapping[str, object] | None = None) -> Badge:
    """Return the badge of a decision of the experiment (today's unless another is given)."""
    decision = result.decision if decision is None else decision
    day = decision.get("as_of")
    if decision.get("verdict") == "too_early" and isinstance(day, date) and day >= result.experiment.planned_end:
        return Badge("Too small", "question", "mute")
    basis = decision.get("basis")
    return badge_words(
        str(decision.get("verdict")),
        None if basis is None else str(basis),
        is_control=decision.get("variant_id") == result.experiment.control,
    )


class _Verdict:
    """Makes the sentences of one verdict; one method a verdict returns (headline forms, why, advice)."""

    def __init__(self, reading: Reading, spoken: Voice) -> None:
        self.reading = reading
        self.spoken = spoken
        self.result = reading.result
        self.experiment = reading.result.experiment
        self.decision = reading.result.decision
        self.challenger = reading.challenger
        self.comparison = None if self.challenger is None else reading.comparison(self.challenger.id)
        self.per = "views" if spoken.unit == "view" else spoken.words.readers

    def words(self) -> VerdictWords:
        verdict = str(self.decision.get("verdict"))
        speak: Callable[[], tuple[Sequence[str], str, str]] = {
            "use_it": self._use_it,
            "no_difference": self._no_difference,
            "keep_asking": self._keep_asking,
            "too_early": self._too_early,
            "cannot_tell": self._cannot_tell,
            "stop_harm": self._stop_harm,
            "fix_first": self._fix_first,
        }.get(verdict, self._unknown)
        forms, why, advice = speak()
        named = self._named
        sentences = [why, self._beside([arm for arm in self.reading.others if arm is not named]), self._change()]
        return VerdictWords(
            badge=decision_badge(self.result),
            headline=next((form for form in forms if len(form) <= HEADLINE_LENGTH), forms[-1]),
            standfirst=" ".join(text for text in sentences if text),
            advice=advice,
            money_line=self._money_line(),
        )

    # -- one method a verdict ------------------------------------------------------------------------------------------

    def _use_it(self) -> tuple[Sequence[str], str, str]:
        arm = self._named
        if arm is None or arm.is_control:
            return self._keep_current()
        name = wording(arm)
        difference = None if self.comparison is None else self.comparison.difference
        if self.decision.get("basis") != "proven":
            return (
                (f"{name} is the best bet, though not proven",),
                f"{self._range_sentence()} {self._evidence_sentence()}".strip(),
                f"Use {name}{self._cost_of_being_wrong()}.",
            )
        if difference is None or difference <= 0 or self.comparison is None:
            forms: Sequence[str] = (f"{name} brings in more than {CURRENT}",)
        elif metric_kind(self.reading.primary) == "money":
            more = f"{name} brought in {self.spoken.headline_money(difference)} more per {self.spoken.count(1_000)} {self.per}"
            forms = (f"{more} than {CURRENT}", more, f"{name} brought in more than {CURRENT}")
        else:
            more = f"{name} led to {self._size(difference)} more {self.spoken.words.outcomes} per {self.spoken.count(100_000)} {self.per}"
            forms = (f"{more} than {CURRENT}", more, f"{name} led to more {self.spoken.words.outcomes} than {CURRENT}")
        return forms, f"{self._range_sentence()} {self._money_beside(arm)}".strip(), f"Use {name} for everyone."

    def _keep_current(self) -> tuple[Sequence[str], str, str]:
        differences = [
            comparison.difference for arm in self.reading.others if (comparison := self.reading.comparison(arm.id))
        ]
        nothing_ahead = all(difference is not None and difference <= 0 for difference in differences)
        headline = f"Nothing beat {CURRENT}" if nothing_ahead else f"{CURRENT[:1].upper()}{CURRENT[1:]} is the best bet"
        worths = [worth.expected for arm in self.reading.others if (worth := self.reading.worth(arm.id))]
        costs = [-expected for expected in worths if expected < 0]
        advice = f"Keep {CURRENT}."
        if costs and len(costs) == len(self.reading.others):
            each = "the other would" if len(costs) == 1 else "each of the others would"
            least = self.spoken.sum_of_money(min(costs), Range(None, min(costs)))
            advice = f"Keep {CURRENT}; {each} cost {'about' if len(costs) == 1 else 'at least about'} {least} a month."
        return (headline,), self._range_sentence(subject=True), advice

    def _no_difference(self) -> tuple[Sequence[str], str, str]:
        smallest = self.experiment.smallest_effect
        inside = [arm for arm in self.reading.others if smallest is not None and self._is_inside(arm, smallest)]
        everyone = len(inside) == len(self.reading.others) > 1
        verb = "bring in" if metric_kind(self.reading.primary) == "money" else "lead to"
        amount = "about the same" if verb == "bring in" else f"about as many {self.spoken.words.outcomes}"
        arm = self._named or self.challenger
        subject = (
            f"All {_number_word(len(self.reading.arms))} wordings"
            if everyone
            else f"{wording(arm) if arm else 'It'} and {CURRENT}"
        )
        bound = self._bound(smallest)
        advice = "Choose on other grounds."
        if bound:
            advice = f"Any difference is smaller than {bound}. {advice}"
        return (f"{subject} {verb} {amount}",), self._range_sentence(), advice

    def _keep_asking(self) -> tuple[Sequence[str], str, str]:
        comparison, arm = self.comparison, self.challenger
        start = "Too close to call so far"
        why = f"{self._range_sentence()} {self._evidence_sentence()}".strip()
        held = self._held_back()
        if held is not None:
            return held[0], why, held[1]
        if arm is None or comparison is None or comparison.difference is None:
            forms: Sequence[str] = (start,)
        elif comparison.is_proven:
            ahead = "ahead of" if comparison.difference > 0 else "behind"
            forms = (
                f"{wording(arm)} is {ahead} {CURRENT}; which wording is best is still open",
                "Which wording is best is still open",
            )
        elif comparison.difference == 0:
            forms = (f"{start}: no wording leads",)
        else:
            leader = wording(arm) if comparison.difference > 0 else CURRENT
            lead = f"{start}: {leader} leads by {self._lead(abs(comparison.difference))}"
            forms = (f"{lead}, but it may be chance", f"{start}: {leader} leads, but it may be chance", start)
        return forms, why, self._forecast()

    def _held_back(self) -> tuple[Sequence[str], str] | None:
        """Headline and advice where the money would settle it and something else does not; None otherwise."""
        codes = [str(code) for code in _codes(self.decision)]
        metrics = [code.partition(":")[2] for code in codes if code.startswith("guardrail_not_settled:")]
        name = wording(self._named) if self._named is not None else "The best wording"
        if metrics:
            margins = {guardrail.metric: guardrail.margin for guardrail in self.experiment.guardrails}
            said = [
                f"{lower_first(metric_name(metric, self.spoken))} (margin {self.spoken.margin(margins[metric])})"
                if metric in margins
                else lower_first(metric_name(metric, self.spoken))
                for metric in metrics
            ]
            headline = f"{name} looks best, but what it costs is not settled"
            return (
                _capital(headline),
                "What the best wording costs is not settled",
            ), f"Keep asking until it is clear: {listed(said)}."
        if "cap_turns_sign" in codes:
            return (
                ("A few large gifts decide this test so far",),
                "Keep asking. With the cap and without it the difference points different ways, so no wording is used yet.",
            )
        return None

    def _too_early(self) -> tuple[Sequence[str], str, str]:
        days, fewest = self.decision.get("n_days"), self.decision.get("smallest_contributors")
        codes, words = _codes(self.decision), self.spoken.words
        seen = []
        if isinstance(days, int) and (days < self.experiment.minimum_days or "too_few_days" in codes):
            seen.append(f"{days} full {plural(days, 'day', 'days')}")
        if isinstance(fewest, int) and fewest < self.experiment.minimum_contributors:
            seen.append(
                f"{self.spoken.count(fewest)} {plural(fewest, words.giver, words.givers)} in the smallest group"
            )
        has_ended = self.reading.day is not None and self.reading.day >= self.experiment.planned_end
        start = "The test ended too small to tell" if has_ended else "Too early to say"
        forms = (f"{start}: {listed(seen)}", start) if seen else (start,)
        least = f"{self.spoken.count(self.experiment.minimum_contributors)} {words.givers} in each wording"
        if isinstance(days, int):
            minimum = self.experiment.minimum_days
            least = f"{minimum} full {plural(minimum, 'day', 'days')} and {least}"
        total, asked = self._total_givers(), self.spoken.prose_count(self.reading.all_readers)
        why = ""
        if total == 0:
            why = f"No {words.outcomes} yet among {asked} {words.readers}."
        elif total is not None:
            why = f"So far {asked} {words.asked} and {self.spoken.count(total)} {plural(total, words.giver, words.givers)} in all."
        if has_ended:
            return forms, why.replace("So far ", "", 1), f"Keep {CURRENT}. A verdict would have needed {least}."
        return forms, why, f"A verdict needs {least}."

    def _cannot_tell(self) -> tuple[Sequence[str], str, str]:
        advice = f"Stop; keep {CURRENT}."
        even, as_of = self.decision.get("forecast_even"), self.reading.day
        if isinstance(even, date) and as_of is not None:
            months = (even - as_of).days / DAYS_PER_MONTH
            length = f"about {round(months)} more months" if months >= 1.5 else f"until about {self.spoken.day(even)}"
            advice = f"{advice} An answer would take {length}."
        else:
            advice = f"{advice} At this pace an answer is not likely before the planned end."
        if "planned_end_reached" in _codes(self.decision):
            return (
                ("The test has ended without an answer",),
                self._range_sentence(),
                f"Keep {CURRENT}, or choose on other grounds.",
            )
        return ("This test cannot find an answer with our traffic",), self._range_sentence(), advice

    def _stop_harm(self) -> tuple[Sequence[str], str, str]:
        arm = self._named
        name = "this wording" if arm is None else wording(arm)
        broken = self._broken_guardrail()
        if broken is None:
            return (
                (f"Stop {name}: it harms reading",),
                "A guardrail fell below the margin allowed.",
                f"Stop showing {name}.",
            )
        comparison, margin = broken
        harms = {
            "pageviews": ("readers read less", "Pages read per reader fell", "fall"),
            "dismissed": ("more readers dismiss it", "Dismissals rose", "rise"),
        }
        what, fell, kind = harms.get(
            comparison.metric, ("it harms reading", f"{metric_name(comparison.metric, self.spoken)} moved", "change")
        )
        lift = comparison.number("lift")
        size = "" if lift is None else f" by {self.spoken.percent(abs(lift))}"
        why = (
            f"{fell}{size}, beyond the {kind} of {self.spoken.margin(margin)} allowed: the whole range, "
            f"{self.spoken.percent_range(comparison.lift_range)}, lies past that margin."
        )
        return (f"Stop {name}: {what}",), why, f"Stop showing {name}, whatever it brings in."

    def _fix_first(self) -> tuple[Sequence[str], str, str]:
        blocked = [words for words in checks_in_words(self.reading, self.spoken) if words.status == "block"]
        start = "Do not use this result yet"
        why = "A trust check failed."
        forms: Sequence[str] = (start,)
        if blocked:
            forms = (f"{start}: {blocked[0].short}", start)
            why = blocked[0].sentence
        more = len(blocked) - 1
        if more > 0:
            also = f"{_number_word(more)} more {plural(more, 'check', 'checks')} failed"
            why = f"{why} {sentence(also)}"
        return forms, why, "Find the cause and repair it. The figures below are shown, the verdict is not."

    def _unknown(self) -> tuple[Sequence[str], str, str]:
        return ("No verdict",), "This version does not know the verdict that was recorded.", ""

    # -- parts of sentences --------------------------------------------------------------------------------------------

    @property
    def _named(self) -> Arm | None:
        named = self.reading.arm_by_id.get(str(self.decision.get("variant_id")))
        return named if named is not None else self.challenger

    def _is_inside(self, arm: Arm, smallest: float) -> bool:
        comparison = self.reading.comparison(arm.id)
        if comparison is None:
            return False
        low, high = comparison.lift_range.low, comparison.lift_range.high
        return (
            low is not None and high is not None and low >= 1 / (1 + smallest) - 1 - 1e-12 and high <= smallest + 1e-12
        )

    def _bound(self, smallest: float | None) -> str:
        if smallest is None:
            return ""
        text = f"the {self.spoken.margin(smallest)} that matters"
        base = self.reading.mean(self.reading.primary, self.reading.control.id)
        if base and metric_kind(self.reading.primary) == "money":
            text += f" ({self.spoken.headline_money(smallest * base * 1_000)} {self.spoken.unit_of('value')})"
        return text

    def _size(self, per_1000: float) -> str:
        return self.spoken.difference(self.reading.primary, per_1000, plus=False)

    def _lead(self, per_1000: float) -> str:
        if metric_kind(self.reading.primary) == "money":
            return self.spoken.headline_money(per_1000)
        return f"{self._size(per_1000)} per {self.spoken.count(100_000)}"

    def _range_sentence(self, *, subject: bool = False) -> str:
        comparison = self.comparison
        if comparison is None or self.challenger is None:
            return "Nothing can be compared yet."
        within = comparison.difference_range
        if not within.is_known:
            return f"There is no range yet: {lower_first(reason_words(comparison.reason, self.spoken, contributors=self._fewest()))}"
        who = f" of {wording(self.challenger)}" if subject else ""
        text = f"The range{who} runs {self.spoken.range_in_words(comparison.metric, within)} {self.spoken.unit_of(comparison.metric)}"
        if within.low is not None and within.low > 0:
            text += ", all above zero"
        elif within.high is not None and within.high < 0:
            text += ", all below zero"
        return f"{text}."

    def _money_beside(self, arm: Arm) -> str:
        """Say what is known in money where something else decides and money is not clear."""
        value = self.reading.comparison(arm.id, "value")
        if self.reading.primary == "value" or value is None or value.difference_range.clears_zero:
            return ""
        if not value.difference_range.is_known:
            return f"In money there is no range: {lower_first(reason_words(value.reason, self.spoken, contributors=self._fewest()))}"
        said = self.spoken.range_in_words("value", value.difference_range)
        return f"In money the difference is not clear: {said} {self.spoken.unit_of('value')}."

    def _evidence_sentence(self) -> str:
        if self.comparison is None or self.comparison.e_value is None:
            return ""
        words = evidence_words(self.comparison.e_value)
        if words == "no evidence yet":
            return "There is no evidence of a difference yet."
        return f"The evidence of a difference is {words}." if words != "proven" else "A difference is proven."

    def _beside(self, others: Sequence[Arm]) -> str:
        """Return what is known of the variants that the headline does not name, those alike in one sentence."""
        if str(self.decision.get("verdict")) in ("fix_first", "too_early", "no_difference") or not others:
            return ""
        alike: dict[str, list[str]] = {}
        for arm in others:
            alike.setdefault(self._fate(arm), []).append(wording(arm))
        return " ".join(f"{_capital(listed(names))} {fate}." for fate, names in alike.items() if fate)

    def _fate(self, arm: Arm) -> str:
        comparison = self.reading.comparison(arm.id)
        if comparison is None:
            return ""
        if comparison.difference is None or comparison.e_value is None:
            return "cannot be compared yet"
        if not comparison.is_proven:
            return "made no clear difference"
        too = ", too" if self._beats() else ""
        return f"did better than {CURRENT}{too}" if comparison.difference > 0 else f"did worse than {CURRENT}"

    def _beats(self) -> bool:
        return self.comparison is not None and self.comparison.is_proven and (self.comparison.difference or 0) > 0

    def _change(self) -> str:
        before = self.result.previous_decision
        if before is None:
            return ""
        old = decision_badge(self.result, before)
        is_same = all(before.get(key) == self.decision.get(key) for key in ("verdict", "variant_id", "basis"))
        if is_same:
            return ""
        day, as_of = before.get("as_of"), self.reading.day
        when = "In the last report"
        if isinstance(day, date) and as_of is not None and day != as_of:
            when = "The day before" if as_of - day == timedelta(days=1) else f"On {self.spoken.short_day(day)}"
        return f"{when}: {lower_first(old.words)}."

    def _cost_of_being_wrong(self) -> str:
        loss, unit = self.decision.get("expected_loss_per_1000"), self.reading.primary
        daily = self.result.daily_readers
        if not isinstance(loss, float | int) or metric_kind(unit) != "money":
            return ": the chance that another is better costs less than the limit set for this test"
        if daily is None:
            return (
                f": on average, being wrong would cost about {self.spoken.money(loss)} {self.spoken.unit_of('value')}"
            )
        month = loss * daily * DAYS_PER_MONTH / 1_000
        return (
            f": on average, being wrong would cost about {self.spoken.sum_of_money(month, Range(None, month))} a month"
        )

    def _forecast(self) -> str:
        even, sure = self.decision.get("forecast_even"), self.decision.get("forecast_sure")
        if isinstance(even, date):
            text = f"Keep asking. An answer is as likely as not by {self.spoken.day(even)}"
            return f"{text}, and nine in ten by {self.spoken.day(sure)}." if isinstance(sure, date) else f"{text}."
        reason = self.decision.get("forecast_reason")
        if reason is None:
            return "Keep asking."
        return f"Keep asking. There is no forecast: {lower_first(reason_words(str(reason), self.spoken))}"

    def _broken_guardrail(self) -> tuple[Comparison, float] | None:
        arm = self._named
        named = {str(code).partition(":")[2] for code in _codes(self.decision)}
        ordered = sorted(self.experiment.guardrails, key=lambda guardrail: guardrail.metric not in named)
        for guardrail in ordered:
            comparison = None if arm is None else self.reading.comparison(arm.id, guardrail.metric)
            if comparison is not None and guardrail_state(comparison, guardrail.margin) == "broken":
                return comparison, guardrail.margin
        return None

    def _fewest(self) -> int | None:
        counts = [count for arm in self.reading.arms if (count := self.reading.contributors(arm.id)) is not None]
        return min(counts, default=None)

    def _total_givers(self) -> int | None:
        counts = [self.reading.contributors(arm.id) for arm in self.reading.arms]
        known = [count for count in counts if count is not None]
        return sum(known) if known else None

    def _money_line(self) -> str:
        arm = self._named
        if arm is not None and arm.is_control:
            arm = self.challenger
        if arm is None:
            return "There is no money to compare."
        comparison = self.reading.comparison(arm.id, "value")
        if comparison is None or comparison.difference is None:
            reason = None if comparison is None else comparison.reason
            said = reason_words(reason, self.spoken) if reason else "It was not counted."
            return f"The difference in money is not known: {lower_first(said)}"
        within = comparison.difference_range
        size = self.spoken.difference("value", comparison.difference)
        line = f"{wording(arm)} against {CURRENT}: {size} {self.spoken.unit_of('value')}"
        if within.is_known:
            line += f" (range {self.spoken.difference_range('value', within)})"
        else:
            line += f" (no range: {lower_first(reason_words(comparison.reason, self.spoken, contributors=self._fewest())).rstrip('.')})"
        worth = self.reading.worth(arm.id)
        if str(self.decision.get("verdict")) == "fix_first":
            return f"{line}; not to be relied on while a check fails."
        if worth is None or str(self.decision.get("verdict")) == "too_early":
            return f"{line}."
        return f"{line}; {monthly(worth, self.spoken)}."


def _codes(decision: Mapping[str, object]) -> Sequence[object]:
    reasons = decision.get("reasons")
    return reasons if isinstance(reasons, list | tuple) else ()


def monthly(worth: Worth, spoken: Voice) -> str:
    """Return what a wording is worth a month as a clause with its range."""
    amount = spoken.sum_of_money(worth.expected, worth.range, plus=True)
    return f"≈ {amount} a month at present traffic (likely {spoken.range_of_sums(worth.range)})"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def lower_first(text: str) -> str:
    """Return the text with a small first letter, to stand after a colon."""
    return text[:1].lower() + text[1:]


_NUMBER_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def _number_word(number: int) -> str:
    return _NUMBER_WORDS[number] if 0 <= number < len(_NUMBER_WORDS) else str(number)


# -- metrics, steps, guardrails ---------------------------------------------------------------------------------------


def metric_name(metric: str, spoken: Voice) -> str:
    """Return the name of a metric as people read it."""
    words = spoken.words
    names = {
        "conversion": words.outcomes.capitalize(),
        "value": "Settled value",
        "value_uncapped": "Settled value without the cap",
        "value_annualised": "Settled value with monthly payments counted for a year",
        "pageviews": "Pages read per reader",
        "dismissed": f"Readers who dismissed the {words.appeal}",
    }
    return names.get(metric) or sentence(plain(metric.replace("_", " "))).rstrip(".")


def step_name(step: str, spoken: Voice) -> str:
    """Return what readers did at a step of the funnel."""
    words = spoken.words
    names = {
        "eligible": f"Could see the {words.appeal}",
        "inserted": f"Page carried the {words.appeal}",
        "viewed": f"Saw the {words.appeal}",
        "expanded": "Opened it to read on",
        "clicked": "Clicked",
        "checkout_started": "Started the checkout",
        "contributed": words.contributed.capitalize(),
        "dismissed": f"Dismissed the {words.appeal}",
        "blocked": "Were blocked",
        "registered": "Registered",
    }
    return names.get(step) or sentence(plain(step.replace("_", " "))).rstrip(".")


GuardrailState = Literal["kept", "open", "broken", "unknown"]


def guardrail_state(comparison: Comparison, margin: float) -> GuardrailState:
    """Return where a guardrail's anytime range lies: inside its margin, across it, wholly beyond it, or not known.

    Where more is worse (dismissals) the range is read with its sign turned.
    """
    from analysis.metrics import METRICS

    known = METRICS.get(comparison.metric)
    low, high = comparison.lift_range.low, comparison.lift_range.high
    if known is not None and known.direction == "less_is_better":
        low, high = (None if high is None else -high), (None if low is None else -low)
    if high is not None and high < -margin:
        return "broken"
    if low is None:
        return "unknown" if high is None else "open"
    return "kept" if low >= -margin else "open"


def guardrail_words(state: GuardrailState, margin: float, spoken: Voice) -> str:
    """Return the state of a guardrail as a sentence."""
    allowed = spoken.margin(margin)
    return {
        "kept": f"Inside the {allowed} allowed.",
        "open": f"Not settled: the range crosses the {allowed} allowed.",
        "broken": f"Beyond the {allowed} allowed, with the whole range.",
        "unknown": "No range yet.",
    }[state]


# -- trust checks -----------------------------------------------------------------------------------------------------


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
    "sample_ratio": ("Split as planned", "readers were not split as planned"),
    "contamination": ("One wording a reader", "too many readers saw two wordings"),
    "contamination_by_variant": ("Readers of two wordings, evenly spread", "readers changed wording unevenly"),
    "denominator": ("Seen alike", "the wordings were not seen equally often"),
    "basis_agreement": ("Both ways to count agree", "the two ways to count readers disagree"),
    "cap_agreement": ("Same sign with and without the cap", "the cap turns the result round"),
    "one_donor": ("No single reader decides", "a single reader decides the result"),
    "pooled_agreement": ("Phases agree", "the phases of the test disagree"),
    "novelty": ("No trend over time", "the effect changed over time"),
    "maturity": ("Open outcome windows", "outcomes are still open"),
    "before_the_test": ("Same readers before the test", "the groups differed before the test"),
}

CHECK_STATUSES = ("block", "warn", "pass", "not_applicable")


def checks_in_words(reading: Reading, spoken: Voice) -> tuple[CheckWords, ...]:
    """Return every trust check in words, those that failed first; rows of one check over variants become one line."""
    by_code: dict[str, list[Row]] = {}
    for row in reading.result.checks.to_dicts():
        by_code.setdefault(str(row["check"]), []).append(row)
    found = [_check(code, rows, reading, spoken) for code, rows in by_code.items()]
    return tuple(sorted(found, key=lambda words: _severity(words.status)))


def _severity(status: str) -> int:
    return CHECK_STATUSES.index(status) if status in CHECK_STATUSES else 1


def _check(code: str, rows: Sequence[Row], reading: Reading, spoken: Voice) -> CheckWords:
    status = min((str(row["status"]) for row in rows), key=_severity)
    worst = [row for row in rows if row["status"] == status]
    name, short = _CHECKS.get(code, (sentence(plain(code.replace("_", " "))).rstrip("."), "a trust check failed"))
    if status == "not_applicable":
        reasons = dict.fromkeys(reason_words(row["reason"], spoken) for row in worst)
        return CheckWords(name, short, f"Not asked: {lower_first(' '.join(reasons))}", status)
    findings = [_Finding(row, _detail(row["detail"]), reading, spoken) for row in worst]
    said = _CHECK_SENTENCES.get(code)
    text = None if said is None else said(findings)
    if text is None:
        text = {"pass": "Nothing unusual.", "warn": "Worth a look.", "block": sentence(short)}.get(status, "Not known.")
        note = findings[0].detail.get("sentence")
        text = sentence(plain(note, 240)) if isinstance(note, str) else text
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
        return "one wording" if arm is None else wording(arm)

    def number(self, key: str) -> float | None:
        value = self.detail.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return None
        return float(value)

    def percent(self, key: str, *, plus: bool = False) -> str:
        value = self.number(key)
        return "not known" if value is None else self.spoken.percent(value, plus=plus)


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
    text = f"Planned {shares(planned, 0 if is_whole else 1)}, seen {shares(seen, 2)}."
    if detail.get("is_registered") is False:
        text += " No planned shares were given, so equal ones were assumed."
    scaled = findings[0].number("scaled_by")
    if scaled is not None and scaled > 1:
        text += f" All counts are multiples of {spoken.count(scaled)}: they were sampled and scaled up, and divided back here."
    return text


def _contamination_sentence(findings: Sequence[_Finding]) -> str | None:
    found = findings[0]
    share = found.number("share")
    if share is None:
        return None
    readers = found.number("readers")
    count = "" if readers is None else f" ({found.spoken.count(readers)})"
    return f"{_capital(found.spoken.part(share))} of {found.spoken.words.readers}{count} saw more than one wording."


def _spread_sentence(findings: Sequence[_Finding]) -> str | None:
    if findings[0].status == "pass":
        return "Readers who saw two wordings are spread over the wordings as chance would have it."
    return "Readers who saw two wordings started in one of them more often than chance would have it."


def _denominator_sentence(findings: Sequence[_Finding]) -> str | None:
    found, spoken = findings[0], findings[0].spoken
    if found.status != "pass":
        said = [
            f"{item.percent('share')} under {item.name} and {item.percent('share_control')} under {CURRENT}"
            for item in findings
        ]
        return f"The {spoken.words.appeal} came into view for {'; '.join(said)}. A wording that changes who sees it cannot be judged by those who saw it."
    shares = [
        share for item in findings for key in ("share", "share_control") if (share := item.number(key)) is not None
    ]
    if not shares:
        return None
    low, high = spoken.percent(min(shares)), spoken.percent(max(shares))
    span = low if low == high else f"{low} to {high}"
    return f"The {spoken.words.appeal} came into view for {span} of {spoken.words.readers}, whatever the wording."


def _basis_sentence(findings: Sequence[_Finding]) -> str | None:
    if findings[0].status == "pass":
        return "Counted from the first view instead, nothing speaks strongly the other way."
    said = [
        f"{item.name} is {item.percent('exposed', plus=True)} counted as registered and {item.percent('viewed', plus=True)} counted from the first view"
        for item in findings
    ]
    return sentence(_capital("; ".join(said)))


def _cap_sentence(findings: Sequence[_Finding]) -> str | None:
    if findings[0].status == "pass":
        return "With the cap and without it the difference points the same way."
    said = [
        f"{item.name} is {item.percent('capped', plus=True)} with the cap and {item.percent('uncapped', plus=True)} without"
        for item in findings
    ]
    return sentence(_capital(f"{'; '.join(said)}: a few large {findings[0].spoken.words.gifts} decide"))


def _one_donor_sentence(findings: Sequence[_Finding]) -> str | None:
    largest = max(findings, key=lambda item: item.number("share") or 0.0)
    share = largest.number("share")
    if share is None:
        return None
    words = largest.spoken.words
    if largest.status == "pass":
        return f"The largest {words.giver} makes up at most {largest.spoken.percent(share)} of what any wording brought in."
    text = f"One {words.giver} makes up {largest.spoken.percent(share)} of what {largest.name} brought in"
    return f"{text}; without this one the sign turns." if largest.detail.get("sign_turns") is True else f"{text}."


def _pooled_sentence(findings: Sequence[_Finding]) -> str | None:
    if findings[0].status == "pass":
        return "All phases taken together say the same as each compared within itself."
    said = [
        f"{item.name} is {item.percent('pooled', plus=True)} taken together and {item.percent('within_epochs', plus=True)} compared within phases"
        for item in findings
    ]
    return sentence(_capital("; ".join(said)))


def _novelty_sentence(findings: Sequence[_Finding]) -> str | None:
    if findings[0].status == "pass":
        days = findings[0].number("days")
        over = "" if days is None else f" over {findings[0].spoken.count(days)} days"
        return f"The effect on {findings[0].spoken.words.outcomes} shows no clear trend{over}."
    said = []
    for item in findings:
        change = item.number("change_per_day") or 0.0
        moves = "grows" if change > 0 else "shrinks"
        said.append(
            f"the effect of {item.name} on {item.spoken.words.outcomes} {moves} by about {item.spoken.percent(abs(change))} a day"
        )
    return sentence("; ".join(said))


def _maturity_sentence(findings: Sequence[_Finding]) -> str | None:
    found = findings[0]
    share = found.number("share")
    if share is None:
        return None
    if share == 0:
        return f"The outcome window of every {'view' if found.spoken.unit == 'view' else 'reader'} has closed."
    return f"For {found.spoken.percent(share)} of {found.spoken.words.readers} the outcome window is still open; they count with what they did so far."


_CHECK_SENTENCES: Mapping[str, Callable[[Sequence[_Finding]], str | None]] = {
    "sample_ratio": _split_sentence,
    "contamination": _contamination_sentence,
    "contamination_by_variant": _spread_sentence,
    "denominator": _denominator_sentence,
    "basis_agreement": _basis_sentence,
    "cap_agreement": _cap_sentence,
    "one_donor": _one_donor_sentence,
    "pooled_agreement": _pooled_sentence,
    "novelty": _novelty_sentence,
    "maturity": _maturity_sentence,
}


# -- facts of the plan -----------------------------------------------------------------------------------------------


def window_words(hours: int) -> str:
    """Return an outcome window in words: days where it is whole days."""
    if hours % 24:
        return f"{hours} hours"
    days = hours // 24
    return f"{days} {plural(days, 'day', 'days')}"


def run_words(experiment: Experiment, as_of: date | None, spoken: Voice) -> str:
    """Return how far a test is: its day while it runs, its dates once it is over."""
    if as_of is None:
        return "a table without dates"
    start, end = experiment.starts, experiment.planned_end
    if as_of < start:
        return f"starts {spoken.day(start)}"
    if as_of <= end:
        return f"day {(as_of - start).days + 1} of at most {experiment.maximum_days}"
    return f"{spoken.short_day(start)} to {spoken.day(end)}"

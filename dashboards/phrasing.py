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
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Literal

from babel import Locale
from babel.dates import format_date, format_datetime, format_skeleton
from babel.lists import format_list
from babel.numbers import NumberPattern, format_decimal

from analysis.experiment_result import NO_CURRENCY, Audience, ExperimentResult
from analysis.metrics import METRICS, Metric
from analysis.money import minor_digits
from analysis.registry import Experiment
from dashboards.reading import DAYS_PER_MONTH, PROVEN, Comparison, Range, Reading, Row, Worth
from dashboards.theme import Arm
from dashboards.translations import SOURCE, language_of, marked, messages

MINUS = "\N{MINUS SIGN}"
Tone = Literal["up", "down", "note", "link", "mute"]
Icon = Literal["tick", "equals", "clock", "question", "hand", "exclamation"]

#: Longest headline in characters; forms of a sentence are tried from the fullest to the shortest.
HEADLINE_LENGTH = 90


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
    metrics: Mapping[str, Metric] = field(default_factory=lambda: METRICS, compare=False)

    def kind_of(self, metric: str) -> str:
        """Return `money`, `binary`, `count` or `ratio`; `count` for a metric that nobody declared."""
        known = self.metrics.get(metric)
        return "count" if known is None else known.kind

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
        return minor_digits().get(self.currency, 2)

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
        match self.kind_of(metric):
            case "money":
                return self.money(mean * 1_000)
            case "binary":
                return self.per_100_000(mean)
            case "ratio" if self.metrics[metric].is_money:
                return self.money(mean if self.metrics[metric].is_description else mean * 1_000)
            case _:
                return self.decimal(mean, 2)

    def per_100_000(self, rate: float, *, plus: bool = False) -> str:
        """Return a rate per 100,000, as a bare number: whole from 10 on, one decimal below."""
        number = rate * 100_000
        return self.decimal(number, 0 if abs(number) >= 9.95 or number == 0 else 1, plus=plus)

    def difference(self, metric: str, per_1000: float, *, plus: bool = True) -> str:
        """Return a difference per 1,000 readers in the unit of `level`."""
        match self.kind_of(metric):
            case "money":
                return self.money(per_1000, plus=plus)
            case "binary":
                return self.per_100_000(per_1000 / 1_000, plus=plus)
            case "ratio" if self.metrics[metric].is_money:
                return self.money(per_1000 / 1_000 if self.metrics[metric].is_description else per_1000, plus=plus)
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
        match self.kind_of(metric):
            case "money":
                return self.say("per {number} {asked}", number=self.count(1_000), asked=self.words.asked)
            case "binary":
                return self.say("per {number} {asked}", number=self.count(100_000), asked=self.words.asked)
            case "ratio" if metric == "value_per_view":
                return self.say("per {number} views", number=self.count(1_000))
            case "ratio" if self.metrics[metric].is_description:
                return self.say("per {giver}", giver=self.words.giver)
            case "ratio" if self.metrics[metric].is_money:
                return self.say("per {number} counted", number=self.count(1_000))
            case "ratio":
                return self.say("for each one counted")
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
    return Voice(audience.locale, audience.currency, surface, audience.unit, audience.language, audience.metrics)


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


def quoted(name: str, spoken: Voice, longest: int = 40) -> str:
    """Return a variant's name in quotation marks."""
    return spoken.say("“{name}”", name=plain(name, longest))


def wording(arm: Arm, spoken: Voice, longest: int = 40) -> str:
    """Return how a sentence names a variant: the current wording, or its name in quotation marks."""
    return spoken.say("the current wording") if arm.is_control else quoted(arm.variant.label, spoken, longest)


def sentence(text: str) -> str:
    """Return the text with a capital first letter and a full stop."""
    text = text.strip()
    if not text:
        return text
    return text[:1].upper() + text[1:] + ("" if text[-1] in ".!?…”" else ".")


def capital(text: str) -> str:
    """Return the text with a capital first letter."""
    return text[:1].upper() + text[1:]


# -- evidence and reasons --------------------------------------------------------------------------------------------

#: Words for an e-value up to each bound, and from `PROVEN` on.
_STRENGTHS = ((3.0, marked("no evidence yet")), (10.0, marked("weak")), (PROVEN, marked("substantial")))
_PROVEN = marked("proven")


def evidence_words(e_value: float | None, spoken: Voice) -> str:
    """Return the strength of evidence in words: below 3 none yet, to 10 weak, to 20 substantial, from 20 proven."""
    if e_value is None:
        return spoken.say("not known")
    return spoken.say(next((words for bound, words in _STRENGTHS if e_value < bound), _PROVEN))


_REASONS: Mapping[str, str] = {
    "no_exposure": marked("Nobody has seen this wording."),
    "no_conversions_yet": marked("No {outcomes} yet."),
    "no_conversion_in_control": marked("No {outcomes} under the current wording yet, so there is nothing to compare with."),
    "no_conversion_in_variant": marked("No {outcomes} under this wording yet."),
    "control_mean_zero": marked("Nothing was counted under the current wording, so there is no percentage over it."),
    "variant_mean_zero": marked("Nothing was counted under this wording yet."),
    "too_few_gifts": marked("Too few {gifts} to put a range on money."),
    "too_few_readers": marked("Too few readers have any of it to put a range on it."),
    "no_variation": marked("All {gifts} were equal, so there is no spread to put a range on."),
    "no_spread": marked("The totals carry no spread, so no range can be put on money."),
    "no_planned_share": marked("The planned share of this wording is not known."),
    "negative_mean": marked("More was paid back than given."),
    "not_sent": marked("What it is counted from was not sent on every day."),
    "no_retention": marked("No monthly retention is stated in the settings."),
    "description": marked("A description: who counts is itself an effect of the wording, so no range is put on it."),
    "no_dates": marked("The table has no dates."),
    "not_counted": marked("It was not counted."),
    "no_untied_gifts": marked("Every gift that names this test is tied to a reader who was asked."),
    "few_untied_gifts": marked("Too few gifts are tied to nobody to compare their shares."),
    "no_views": marked("No view has been recorded."),
    "one_epoch": marked("Planned shares never changed, so there is only one phase."),
    "too_few_days": marked("Too few days so far."),
    "loss_unknown": marked("There is too little to weigh the wordings against each other."),
    "beyond_ten_years": marked("At this pace it would take more than ten years."),
    "guardrail_not_settled": marked("It waits for a guardrail."),
    "cap_turns_sign": marked("It waits until the cap no longer turns the result round."),
    "no_plan": marked("No plan was registered."),
    "beyond_maximum": marked("An answer is not likely before the planned end."),
    "step_without_readers": marked("A step has no readers yet, so the difference cannot be split over the steps."),
    "too_few_segments": marked("Fewer than four groups: shown as they are."),
    "no_visits_before": marked("No visits before the test have landed."),
    "not_matured": marked("Outcome windows are still open."),
}  # fmt: skip


def reason_words(reason: str | None, spoken: Voice, *, contributors: int | None = None) -> str:
    """Return why a number is absent as a sentence. A code this version does not know is shown as it is."""
    words = spoken.words
    if reason is None:
        return spoken.say("Not known.")
    if reason == "too_few_gifts" and contributors is not None:
        return spoken.say(
            "Too few {gifts} to put a range on money ({number}).", gifts=words.gifts, number=spoken.count(contributors)
        )
    known = _REASONS.get(reason)
    if known is None:
        return sentence(plain(reason.replace("_", " "), 200))
    return spoken.say(known, outcomes=words.outcomes, gifts=words.gifts)


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


_BADGES: Mapping[str, tuple[str, Icon, Tone]] = {
    "no_difference": (marked("No difference"), "equals", "mute"),
    "keep_asking": (marked("Still asking"), "clock", "link"),
    "too_early": (marked("Too early"), "clock", "mute"),
    "cannot_tell": (marked("Cannot tell"), "question", "mute"),
    "stop_harm": (marked("Stop"), "hand", "down"),
    "fix_first": (marked("Fix first"), "exclamation", "note"),
}


def badge_words(verdict: str, basis: str | None, spoken: Voice, *, is_control: bool = False) -> Badge:
    """Return the badge of a verdict code; an unknown code is shown as it is, muted."""
    is_proven = basis == "proven"
    if verdict == "use_it" and is_control:
        return Badge(spoken.say("Keep the current"), "tick", "up", is_outline=not is_proven)
    if verdict == "use_it":
        words = spoken.say("Use it · proven") if is_proven else spoken.say("Use it · best bet")
        return Badge(words, "tick", "up", is_outline=not is_proven)
    if verdict not in _BADGES:
        return Badge(sentence(plain(verdict.replace("_", " "), 24)).rstrip("."), "question", "mute")
    words, icon, tone = _BADGES[verdict]
    return Badge(spoken.say(words), icon, tone)


def verdict_words(result: ExperimentResult) -> VerdictWords:
    """Return the verdict of a result in words. See `VerdictWords`."""
    reading = Reading(result)
    return _Verdict(reading, voice(result.audience, result.experiment.surface)).words()


def decision_badge(result: ExperimentResult, decision: Mapping[str, object] | None = None) -> Badge:
    """Return the badge of a decision of the experiment (today's unless another is given)."""
    decision = result.decision if decision is None else decision
    day, spoken = decision.get("as_of"), voice(result.audience, result.experiment.surface)
    if decision.get("verdict") == "too_early" and isinstance(day, date) and day >= result.experiment.planned_end:
        return Badge(spoken.say("Too small"), "question", "mute")
    basis = decision.get("basis")
    return badge_words(
        str(decision.get("verdict")),
        None if basis is None else str(basis),
        spoken,
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
        forms = [capital(form) for form in forms]
        return VerdictWords(
            badge=decision_badge(self.result),
            headline=next((form for form in forms if len(form) <= HEADLINE_LENGTH), forms[-1]),
            standfirst=" ".join(text for text in sentences if text),
            advice=advice,
            money_line=self._money_line(),
        )

    def _name(self, arm: Arm | None) -> str:
        return self.spoken.say("this wording") if arm is None else wording(arm, self.spoken)

    # -- one method a verdict ------------------------------------------------------------------------------------------

    def _use_it(self) -> tuple[Sequence[str], str, str]:
        arm, say = self._named, self.spoken.say
        if arm is None or arm.is_control:
            return self._keep_current()
        name = self._name(arm)
        difference = None if self.comparison is None else self.comparison.difference
        if self.decision.get("basis") != "proven":
            return (
                (say("{wording} is the best bet, though not proven", wording=name),),
                f"{self._range_sentence()} {self._evidence_sentence()}".strip(),
                self._use_at_a_risk(name),
            )
        readers, outcomes = self.spoken.words.readers, self.spoken.words.outcomes
        if difference is None or difference <= 0 or self.comparison is None:
            forms: Sequence[str] = (say("{wording} brings in more than the current wording", wording=name),)
        elif self.spoken.kind_of(self.reading.primary) == "money":
            values = {
                "wording": name,
                "money": self.spoken.headline_money(difference),
                "number": self.spoken.count(1_000),
                "readers": readers,
            }
            forms = (
                say("{wording} brought in {money} more per {number} {readers} than the current wording", **values),
                say("{wording} brought in {money} more per {number} {readers}", **values),
                say("{wording} brought in more than the current wording", wording=name),
            )
        else:
            values = {
                "wording": name,
                "size": self._size(difference),
                "outcomes": outcomes,
                "number": self.spoken.count(100_000),
                "readers": readers,
            }
            forms = (
                say(
                    "{wording} led to {size} more {outcomes} per {number} {readers} than the current wording", **values
                ),
                say("{wording} led to {size} more {outcomes} per {number} {readers}", **values),
                say("{wording} led to more {outcomes} than the current wording", wording=name, outcomes=outcomes),
            )
        why = f"{self._range_sentence()} {self._money_beside(arm)}".strip()
        return forms, why, say("Use {wording} for everyone.", wording=name)

    def _keep_current(self) -> tuple[Sequence[str], str, str]:
        say = self.spoken.say
        differences = [
            comparison.difference for arm in self.reading.others if (comparison := self.reading.comparison(arm.id))
        ]
        nothing_ahead = all(difference is not None and difference <= 0 for difference in differences)
        headline = (
            say("Nothing beat the current wording") if nothing_ahead else say("The current wording is the best bet")
        )
        worths = [worth.expected for arm in self.reading.others if (worth := self.reading.worth(arm.id))]
        costs = [-expected for expected in worths if expected < 0]
        advice = say("Keep the current wording.")
        if costs and len(costs) == len(self.reading.others):
            least = self.spoken.sum_of_money(min(costs), Range(None, min(costs)))
            advice = (
                say("Keep the current wording; the other would cost about {money} a month.", money=least)
                if len(costs) == 1
                else say("Keep the current wording; each of the others would cost at least about {money} a month.", money=least)
            )  # fmt: skip
        return (headline,), self._range_sentence(subject=True), advice

    def _no_difference(self) -> tuple[Sequence[str], str, str]:
        say, smallest = self.spoken.say, self.experiment.smallest_effect
        inside = [arm for arm in self.reading.others if smallest is not None and self._is_inside(arm, smallest)]
        everyone = len(inside) == len(self.reading.others) > 1
        arm, outcomes = self._named or self.challenger, self.spoken.words.outcomes
        is_money = self.spoken.kind_of(self.reading.primary) == "money"
        if everyone:
            number = number_word(len(self.reading.arms), self.spoken)
            headline = (
                say("All {number} wordings bring in about the same", number=number)
                if is_money
                else say("All {number} wordings lead to about as many {outcomes}", number=number, outcomes=outcomes)
            )
        else:
            name = self._name(arm)
            headline = (
                say("{wording} and the current wording bring in about the same", wording=name)
                if is_money
                else say("{wording} and the current wording lead to about as many {outcomes}", wording=name, outcomes=outcomes)
            )  # fmt: skip
        return (headline,), self._range_sentence(), self._choose_otherwise(smallest)

    def _choose_otherwise(self, smallest: float | None) -> str:
        say = self.spoken.say
        if smallest is None:
            return say("Choose on other grounds.")
        share, base = self.spoken.margin(smallest), self.reading.mean(self.reading.primary, self.reading.control.id)
        if base and self.spoken.kind_of(self.reading.primary) == "money":
            return say(
                "Any difference is smaller than the {share} that matters ({money} {unit}). Choose on other grounds.",
                share=share,
                money=self.spoken.headline_money(smallest * base * 1_000),
                unit=self.spoken.unit_of("value"),
            )
        return say("Any difference is smaller than the {share} that matters. Choose on other grounds.", share=share)

    def _keep_asking(self) -> tuple[Sequence[str], str, str]:
        comparison, arm, say = self.comparison, self.challenger, self.spoken.say
        start = say("Too close to call so far")
        why = f"{self._range_sentence()} {self._evidence_sentence()}".strip()
        held = self._held_back()
        if held is not None:
            return held[0], why, held[1]
        if arm is None or comparison is None or comparison.difference is None:
            forms: Sequence[str] = (start,)
        elif comparison.is_proven:
            name = self._name(arm)
            forms = (
                say("{wording} is ahead of the current wording; which wording is best is still open", wording=name)
                if comparison.difference > 0
                else say("{wording} is behind the current wording; which wording is best is still open", wording=name),
                say("Which wording is best is still open"),
            )
        elif comparison.difference == 0:
            forms = (say("Too close to call so far: no wording leads"),)
        else:
            leader = self._name(arm if comparison.difference > 0 else self.reading.control)
            lead = self._lead(abs(comparison.difference))
            forms = (
                say("Too close to call so far: {wording} leads by {lead}, but it may be chance", wording=leader, lead=lead),
                say("Too close to call so far: {wording} leads, but it may be chance", wording=leader),
                start,
            )  # fmt: skip
        return forms, why, self._forecast()

    def _held_back(self) -> tuple[Sequence[str], str] | None:
        """Headline and advice where the money would settle it and something else does not; None otherwise."""
        say = self.spoken.say
        codes = [str(code) for code in _codes(self.decision)]
        metrics = [code.partition(":")[2] for code in codes if code.startswith("guardrail_not_settled:")]
        if metrics:
            margins = {guardrail.metric: guardrail.margin for guardrail in self.experiment.guardrails}
            said = [
                say(
                    "{metric} (margin {share})",
                    metric=self.spoken.inside(metric_name(metric, self.spoken)),
                    share=self.spoken.margin(margins[metric]),
                )
                if metric in margins
                else self.spoken.inside(metric_name(metric, self.spoken))
                for metric in metrics
            ]
            name = say("the best wording") if self._named is None else self._name(self._named)
            return (
                say("{wording} looks best, but what it costs is not settled", wording=name),
                say("What the best wording costs is not settled"),
            ), say("Keep asking until it is clear: {metrics}.", metrics=self.spoken.listed(said))
        if "cap_turns_sign" in codes:
            return (
                (say("A few large gifts decide this test so far"),),
                say("Keep asking. With the cap and without it the difference points different ways, so no wording is used yet."),
            )  # fmt: skip
        return None

    def _too_early(self) -> tuple[Sequence[str], str, str]:
        days, fewest = self.decision.get("n_days"), self.decision.get("smallest_contributors")
        codes, words, spoken = _codes(self.decision), self.spoken.words, self.spoken
        seen = []
        if isinstance(days, int) and (days < self.experiment.minimum_days or "too_few_days" in codes):
            seen.append(full_days(days, spoken))
        if isinstance(fewest, int) and fewest < self.experiment.minimum_contributors:
            seen.append(spoken.say("{givers} in the smallest group", givers=givers_words(fewest, spoken)))
        has_ended = self.reading.day is not None and self.reading.day >= self.experiment.planned_end
        start = spoken.say("The test ended too small to tell") if has_ended else spoken.say("Too early to say")
        forms = (f"{start}: {spoken.listed(seen)}", start) if seen else (start,)
        minimum = self.experiment.minimum_contributors
        least = spoken.say("{givers} in each wording", givers=givers_words(minimum, spoken))
        if isinstance(days, int):
            least = spoken.listed([full_days(self.experiment.minimum_days, spoken), least])
        total, asked = self._total_givers(), spoken.prose_count(self.reading.all_readers)
        why = ""
        if total == 0:
            why = spoken.say(
                "No {outcomes} yet among {number} {readers}.",
                outcomes=words.outcomes,
                number=asked,
                readers=words.readers,
            )
        elif total is not None:
            values = {"number": asked, "asked": words.asked, "givers": givers_words(total, spoken)}
            why = (
                spoken.say("{number} {asked} and {givers} in all.", **values)
                if has_ended
                else spoken.say("So far {number} {asked} and {givers} in all.", **values)
            )
        if has_ended:
            return forms, why, spoken.say("Keep the current wording. A verdict would have needed {least}.", least=least)
        return forms, why, spoken.say("A verdict needs {least}.", least=least)

    def _cannot_tell(self) -> tuple[Sequence[str], str, str]:
        say = self.spoken.say
        even, as_of = self.decision.get("forecast_even"), self.reading.day
        if "planned_end_reached" in _codes(self.decision):
            return (
                (say("The test has ended without an answer"),),
                self._range_sentence(),
                say("Keep the current wording, or choose on other grounds."),
            )
        if isinstance(even, date) and as_of is not None:
            months = (even - as_of).days / DAYS_PER_MONTH
            advice = (
                self.spoken.say_n(
                    "Stop; keep the current wording. An answer would take about {count} more month.",
                    "Stop; keep the current wording. An answer would take about {count} more months.",
                    round(months),
                )
                if months >= 1.5
                else say("Stop; keep the current wording. An answer would take until about {day}.", day=self.spoken.day(even))
            )  # fmt: skip
        else:
            advice = say("Stop; keep the current wording. At this pace an answer is not likely before the planned end.")
        return (say("This test cannot find an answer with our traffic"),), self._range_sentence(), advice

    def _stop_harm(self) -> tuple[Sequence[str], str, str]:
        say, name = self.spoken.say, self._name(self._named)
        broken = self._broken_guardrail()
        if broken is None:
            return (
                (say("Stop {wording}: it harms reading", wording=name),),
                say("A guardrail fell below the margin allowed."),
                say("Stop showing {wording}.", wording=name),
            )
        comparison, margin = broken
        lift = comparison.number("lift")
        values = {
            "change": self.spoken.say("not known") if lift is None else self.spoken.percent(abs(lift)),
            "share": self.spoken.margin(margin),
            "range": self.spoken.percent_range(comparison.lift_range),
        }
        match comparison.metric:
            case "pageviews":
                headline = say("Stop {wording}: readers read less", wording=name)
                why = say(
                    "Pages read per reader fell by {change}, beyond the fall of {share} allowed: the whole range, {range}, lies past that margin.",
                    **values,
                )
            case "dismissed":
                headline = say("Stop {wording}: more readers dismiss it", wording=name)
                why = say(
                    "Dismissals rose by {change}, beyond the rise of {share} allowed: the whole range, {range}, lies past that margin.",
                    **values,
                )
            case _:
                headline = say("Stop {wording}: it harms reading", wording=name)
                why = say(
                    "{metric}: changed by {change}, beyond the {share} allowed: the whole range, {range}, lies past that margin.",
                    metric=metric_name(comparison.metric, self.spoken),
                    **values,
                )  # fmt: skip
        return (headline,), why, say("Stop showing {wording}, whatever it brings in.", wording=name)

    def _fix_first(self) -> tuple[Sequence[str], str, str]:
        say = self.spoken.say
        blocked = [words for words in checks_in_words(self.reading, self.spoken) if words.status == "block"]
        start = say("Do not use this result yet")
        why = say("A trust check failed.")
        forms: Sequence[str] = (start,)
        if blocked:
            forms = (f"{start}: {blocked[0].short}", start)
            why = blocked[0].sentence
        more = len(blocked) - 1
        if more > 0:
            also = self.spoken.say_n(
                "{number} more check failed.",
                "{number} more checks failed.",
                more,
                number=number_word(more, self.spoken),
            )
            why = f"{why} {capital(also)}"
        return forms, why, say("Find the cause and repair it. The figures below are shown, the verdict is not.")

    def _unknown(self) -> tuple[Sequence[str], str, str]:
        say = self.spoken.say
        return (say("No verdict"),), say("This version does not know the verdict that was recorded."), ""

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

    def _size(self, per_1000: float) -> str:
        return self.spoken.difference(self.reading.primary, per_1000, plus=False)

    def _lead(self, per_1000: float) -> str:
        if self.spoken.kind_of(self.reading.primary) == "money":
            return self.spoken.headline_money(per_1000)
        return self.spoken.say("{size} per {number}", size=self._size(per_1000), number=self.spoken.count(100_000))

    def _range_sentence(self, *, subject: bool = False) -> str:
        comparison, say = self.comparison, self.spoken.say
        if comparison is None or self.challenger is None:
            return say("Nothing can be compared yet.")
        within = comparison.difference_range
        if not within.is_known:
            return say("There is no range yet: {reason}", reason=self._reason(comparison))
        values = {
            "range": self.spoken.range_in_words(comparison.metric, within),
            "unit": self.spoken.unit_of(comparison.metric),
        }
        if within.low is not None and within.low > 0:
            where = self.spoken.say("{range} {unit}, all above zero", **values)
        elif within.high is not None and within.high < 0:
            where = self.spoken.say("{range} {unit}, all below zero", **values)
        else:
            where = self.spoken.say("{range} {unit}", **values)
        if subject:
            return say("The range of {wording} runs {range}.", wording=self._name(self.challenger), range=where)
        return say("The range runs {range}.", range=where)

    def _reason(self, comparison: Comparison) -> str:
        return self.spoken.inside(reason_words(comparison.reason, self.spoken, contributors=self._fewest()))

    def _money_beside(self, arm: Arm) -> str:
        """Say what is known in money where something else decides and money is not clear."""
        value = self.reading.comparison(arm.id, "value")
        if self.reading.primary == "value" or value is None or value.difference_range.clears_zero:
            return ""
        if not value.difference_range.is_known:
            return self.spoken.say("In money there is no range: {reason}", reason=self._reason(value))
        return self.spoken.say(
            "In money the difference is not clear: {range} {unit}.",
            range=self.spoken.range_in_words("value", value.difference_range),
            unit=self.spoken.unit_of("value"),
        )

    def _evidence_sentence(self) -> str:
        if self.comparison is None or self.comparison.e_value is None:
            return ""
        e_value, say = self.comparison.e_value, self.spoken.say
        if e_value < _STRENGTHS[0][0]:
            return say("There is no evidence of a difference yet.")
        if e_value >= PROVEN:
            return say("A difference is proven.")
        return say("The evidence of a difference is {strength}.", strength=evidence_words(e_value, self.spoken))

    def _beside(self, others: Sequence[Arm]) -> str:
        """Return what is known of the variants that the headline does not name, those alike in one sentence."""
        if str(self.decision.get("verdict")) in ("fix_first", "too_early", "no_difference") or not others:
            return ""
        alike: dict[str, list[str]] = {}
        for arm in others:
            alike.setdefault(self._fate(arm), []).append(wording(arm, self.spoken))
        said = (self._fates(self.spoken.listed(names), len(names))[fate] for fate, names in alike.items() if fate)
        return " ".join(capital(text) for text in said)

    def _fates(self, wordings: str, number: int) -> Mapping[str, str]:
        say_n = self.spoken.say_n
        return {
            "unknown": say_n("{wordings} cannot be compared yet.", "{wordings} cannot be compared yet.", number, wordings=wordings),
            "unclear": say_n("{wordings} made no clear difference.", "{wordings} made no clear difference.", number, wordings=wordings),
            "worse": say_n("{wordings} did worse than the current wording.", "{wordings} did worse than the current wording.", number, wordings=wordings),
            "better": say_n("{wordings} did better than the current wording.", "{wordings} did better than the current wording.", number, wordings=wordings),
            "better too": say_n("{wordings} did better than the current wording, too.", "{wordings} did better than the current wording, too.", number, wordings=wordings),
        }  # fmt: skip

    def _fate(self, arm: Arm) -> str:
        comparison = self.reading.comparison(arm.id)
        if comparison is None:
            return ""
        if comparison.difference is None or comparison.e_value is None:
            return "unknown"
        if not comparison.is_proven:
            return "unclear"
        if comparison.difference <= 0:
            return "worse"
        return "better too" if self._beats() else "better"

    def _beats(self) -> bool:
        return self.comparison is not None and self.comparison.is_proven and (self.comparison.difference or 0) > 0

    def _change(self) -> str:
        before, spoken = self.result.previous_decision, self.spoken
        if before is None:
            return ""
        old = spoken.inside(decision_badge(self.result, before).words)
        is_same = all(before.get(key) == self.decision.get(key) for key in ("verdict", "variant_id", "basis"))
        if is_same:
            return ""
        day, as_of = before.get("as_of"), self.reading.day
        if not isinstance(day, date) or as_of is None or day == as_of:
            return spoken.say("In the last report: {badge}.", badge=old)
        if as_of - day == timedelta(days=1):
            return spoken.say("The day before: {badge}.", badge=old)
        return spoken.say("On {day}: {badge}.", day=spoken.short_day(day), badge=old)

    def _use_at_a_risk(self, name: str) -> str:
        loss, unit, say = self.decision.get("expected_loss_per_1000"), self.reading.primary, self.spoken.say
        daily = self.result.daily_readers
        if not isinstance(loss, float | int) or self.spoken.kind_of(unit) != "money":
            return say("Use {wording}: the chance that another is better costs less than the limit set for this test.", wording=name)  # fmt: skip
        if daily is None:
            return say(
                "Use {wording}: on average, being wrong would cost about {money} {unit}.",
                wording=name,
                money=self.spoken.money(loss),
                unit=self.spoken.unit_of("value"),
            )
        month = loss * daily * DAYS_PER_MONTH / 1_000
        return say(
            "Use {wording}: on average, being wrong would cost about {money} a month.",
            wording=name,
            money=self.spoken.sum_of_money(month, Range(None, month)),
        )

    def _forecast(self) -> str:
        even, sure, spoken = self.decision.get("forecast_even"), self.decision.get("forecast_sure"), self.spoken
        if isinstance(even, date) and isinstance(sure, date):
            return spoken.say(
                "Keep asking. An answer is as likely as not by {day}, and nine in ten by {sure}.",
                day=spoken.day(even),
                sure=spoken.day(sure),
            )
        if isinstance(even, date):
            return spoken.say("Keep asking. An answer is as likely as not by {day}.", day=spoken.day(even))
        reason = self.decision.get("forecast_reason")
        if reason is None:
            return spoken.say("Keep asking.")
        return spoken.say(
            "Keep asking. There is no forecast: {reason}", reason=spoken.inside(reason_words(str(reason), spoken))
        )

    def _broken_guardrail(self) -> tuple[Comparison, float] | None:
        arm = self._named
        named = {str(code).partition(":")[2] for code in _codes(self.decision)}
        ordered = sorted(self.experiment.guardrails, key=lambda guardrail: guardrail.metric not in named)
        for guardrail in ordered:
            comparison = None if arm is None else self.reading.comparison(arm.id, guardrail.metric)
            if (
                comparison is not None
                and guardrail_state(comparison, guardrail.margin, self.spoken.metrics) == "broken"
            ):
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
        arm, spoken, say = self._named, self.spoken, self.spoken.say
        if arm is not None and arm.is_control:
            arm = self.challenger
        if arm is None:
            return say("There is no money to compare.")
        comparison = self.reading.comparison(arm.id, "value")
        if comparison is None or comparison.difference is None:
            reason = None if comparison is None else comparison.reason
            said = reason_words(reason, spoken) if reason else say("It was not counted.")
            return say("The difference in money is not known: {reason}", reason=spoken.inside(said))
        within = comparison.difference_range
        line = say(
            "{wording} against the current wording: {size} {unit}",
            wording=self._name(arm),
            size=spoken.difference("value", comparison.difference),
            unit=spoken.unit_of("value"),
        )
        if within.is_known:
            line = say("{line} (range {range})", line=line, range=spoken.difference_range("value", within))
        else:
            line = say("{line} (no range: {reason})", line=line, reason=self._reason(comparison).rstrip("."))
        worth = self.reading.worth(arm.id)
        if str(self.decision.get("verdict")) == "fix_first":
            return say("{line}; not to be relied on while a check fails.", line=line)
        if worth is None or str(self.decision.get("verdict")) == "too_early":
            return f"{line}."
        return f"{line}; {monthly(worth, spoken)}."


def _codes(decision: Mapping[str, object]) -> Sequence[object]:
    reasons = decision.get("reasons")
    return reasons if isinstance(reasons, list | tuple) else ()


_DECISION_STEPS: Mapping[str, str] = {
    "trust_blocked": marked("Trust checks: not passed."),
    "trust_passed": marked("Trust checks: none blocks the verdict."),
    "guardrail_broken": marked("Guardrails: one lies beyond its margin ({metric})."),
    "guardrails_unharmed": marked("Guardrails: none lies beyond its margin."),
    "no_guardrails": marked("Guardrails: none was registered."),
    "too_few_days": marked("Enough data: fewer full days than the plan asks for."),
    "too_few_contributors": marked("Enough data: fewer {givers} than the plan asks for."),
    "enough_data": marked("Enough data: the days and {givers} that the plan asks for are in."),
    "loss_unknown": marked("Risk: the wordings cannot be weighed against each other yet."),
    "loss_above_threshold": marked("Risk: choosing the best wording now would risk more than the plan allows."),
    "loss_below_threshold": marked("Risk: choosing the best wording risks less than the plan allows."),
    "guardrail_not_settled": marked("Held back: a guardrail is not settled ({metric})."),
    "cap_turns_sign": marked("Held back: the cap turns the result round."),
    "no_smallest_effect": marked("No difference: not asked, since no smallest effect that matters was registered."),
    "inside_smallest_effect": marked("No difference: the whole range lies inside the smallest effect that matters."),
    "not_inside_smallest_effect": marked("No difference: the range reaches beyond the smallest effect that matters."),
    "no_dates": marked("Forecast: none, since the table has no dates."),
    "no_planned_end": marked("Forecast: none, since no end was planned."),
    "planned_end_reached": marked("Forecast: the planned end has been reached."),
    "no_forecast": marked("Forecast: none can be made yet."),
    "forecast_beyond_planned_end": marked("Forecast: an answer is not likely before the planned end."),
    "forecast_within_plan": marked("Forecast: an answer is likely before the planned end."),
}


def decision_steps(decision: Mapping[str, object], spoken: Voice) -> tuple[str, ...]:
    """Return what the rule asked and found, in its order; a code this version does not know as it is."""
    said = []
    for item in _codes(decision):
        code, _, subject = str(item).partition(":")
        known = _DECISION_STEPS.get(code)
        if known is None:
            said.append(sentence(plain(str(item).replace("_", " "), 120)))
            continue
        metric = "" if not subject else spoken.inside(metric_name(subject, spoken))
        said.append(spoken.say(known, metric=metric, givers=spoken.words.givers))
    return tuple(dict.fromkeys(said))


def monthly(worth: Worth, spoken: Voice) -> str:
    """Return what a wording is worth a month as a clause with its range."""
    return spoken.say(
        "≈ {money} a month at present traffic (likely {range})",
        money=spoken.sum_of_money(worth.expected, worth.range, plus=True),
        range=spoken.range_of_sums(worth.range),
    )


_NUMBER_WORDS = (
    marked("no"), marked("one"), marked("two"), marked("three"), marked("four"), marked("five"), marked("six"),
    marked("seven"), marked("eight"), marked("nine"), marked("ten"),
)  # fmt: skip


def number_word(number: int, spoken: Voice) -> str:
    """Return a small whole number as a word: `three`."""
    return spoken.say(_NUMBER_WORDS[number]) if 0 <= number < len(_NUMBER_WORDS) else spoken.count(number)


def full_days(days: int, spoken: Voice) -> str:
    """Return `5 full days`."""
    return spoken.say_n("{count} full day", "{count} full days", days)


def givers_words(number: int, spoken: Voice) -> str:
    """Return a count of contributors, in the words of the surface: `41 subscribers`."""
    return f"{spoken.count(number)} {spoken.words.giver if number == 1 else spoken.words.givers}"


# -- metrics, steps, guardrails ---------------------------------------------------------------------------------------

_METRICS: Mapping[str, str] = {
    "value": marked("Settled value"),
    "value_uncapped": marked("Settled value without the cap"),
    "value_annualised": marked("Settled value with monthly payments counted for a year"),
    "pageviews": marked("Pages read per reader"),
    "dismissed": marked("Readers who dismissed {the_appeal}"),
    "conversion_once": marked("Gave once"),
    "conversion_recurring": marked("Gave every month or year"),
    "value_12_months": marked("Value over twelve months, under the retention stated"),
    "value_per_view": marked("Settled value per 1,000 views"),
    "bounce": marked("Readers who left after one page"),
    "return_7_days": marked("Readers who came back within seven days"),
    "ad_revenue": marked("Advertising revenue"),
    "subscription_starts": marked("Started a subscription"),
    "trial_to_paid": marked("Paid after a trial, of those who began one"),
    "subscription_value": marked("Paid for subscriptions, renewals included"),
    "cancelled_30_days": marked("Ended the subscription within 30 days, of those who started one"),
    "articles_per_blocked": marked("Pages read per blocked reader"),
}


def metric_name(metric: str, spoken: Voice) -> str:
    """Return the name of a metric as people read it."""
    if metric == "conversion":
        return capital(spoken.words.outcomes)
    if metric == "average_gift":
        return spoken.words.amount
    known, declared = _METRICS.get(metric), spoken.metrics.get(metric)
    if declared is not None and declared.label:
        return plain(declared.label)
    if known is None:
        return sentence(plain(metric.replace("_", " "))).rstrip(".")
    return spoken.say(known, the_appeal=spoken.words.the_appeal)


_STEPS: Mapping[str, str] = {
    "eligible": marked("Could see {the_appeal}"),
    "inserted": marked("Page carried {the_appeal}"),
    "viewed": marked("Saw {the_appeal}"),
    "expanded": marked("Opened it to read on"),
    "clicked": marked("Clicked"),
    "checkout_started": marked("Started the checkout"),
    "dismissed": marked("Dismissed {the_appeal}"),
    "blocked": marked("Were blocked"),
    "registered": marked("Registered"),
}


def step_name(step: str, spoken: Voice) -> str:
    """Return what readers did at a step of the funnel."""
    if step == "contributed":
        return capital(spoken.words.contributed)
    known = _STEPS.get(step)
    if known is None:
        return sentence(plain(step.replace("_", " "))).rstrip(".")
    return spoken.say(known, the_appeal=spoken.words.the_appeal)


_SEGMENT_KINDS: Mapping[str, str] = {"device": marked("device"), "reader_type": marked("kind of reader")}
_SEGMENTS: Mapping[str, str] = {
    "unknown": marked("not sent"),
    "mobile": marked("phone"),
    "desktop": marked("computer"),
    "tablet": marked("tablet"),
    "app": marked("app"),
    "other": marked("other"),
    "new": marked("new readers"),
    "returning": marked("returning readers"),
    "subscriber": marked("subscribers"),
}


def segment_kind_name(kind: str, spoken: Voice) -> str:
    """Return the name of a segmentation; one that this version does not know as it is."""
    return spoken.say(_SEGMENT_KINDS[kind]) if kind in _SEGMENT_KINDS else plain(kind.replace("_", " "), 40)


def segment_name(segment: str, spoken: Voice) -> str:
    """Return the name of a group of readers; one that comes from the publisher's own data as it is."""
    return capital(spoken.say(_SEGMENTS[segment])) if segment in _SEGMENTS else plain(segment, 40)


GuardrailState = Literal["kept", "open", "broken", "unknown"]


def guardrail_state(comparison: Comparison, margin: float, metrics: Mapping[str, Metric] = METRICS) -> GuardrailState:
    """Return where a guardrail's anytime range lies: inside its margin, across it, wholly beyond it, or not known.

    Where more is worse (dismissals) the range is read with its sign turned.
    """
    known = metrics.get(comparison.metric)
    low, high = comparison.lift_range.low, comparison.lift_range.high
    if known is not None and known.direction == "less_is_better":
        low, high = (None if high is None else -high), (None if low is None else -low)
    if high is not None and high < -margin:
        return "broken"
    if low is None:
        return "unknown" if high is None else "open"
    return "kept" if low >= -margin else "open"


_GUARDRAIL_STATES: Mapping[GuardrailState, str] = {
    "kept": marked("Inside the {share} allowed."),
    "open": marked("Not settled: the range crosses the {share} allowed."),
    "broken": marked("Beyond the {share} allowed, with the whole range."),
    "unknown": marked("No range yet."),
}


def guardrail_words(state: GuardrailState, margin: float, spoken: Voice) -> str:
    """Return the state of a guardrail as a sentence."""
    return spoken.say(_GUARDRAIL_STATES[state], share=spoken.margin(margin))


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
    "sample_ratio": (marked("Split as planned"), marked("readers were not split as planned")),
    "contamination": (marked("One wording a reader"), marked("too many readers saw two wordings")),
    "contamination_by_variant": (marked("Readers of two wordings, evenly spread"), marked("readers changed wording unevenly")),
    "left_out_by_variant": (marked("Readers left out, evenly spread"), marked("readers were left out unevenly")),
    "untied_gifts": (marked("Gifts tied alike"), marked("gifts of one wording are tied to readers less often")),
    "denominator": (marked("Seen alike"), marked("the wordings were not seen equally often")),
    "basis_agreement": (marked("Both ways to count agree"), marked("the two ways to count readers disagree")),
    "cap_agreement": (marked("Same sign with and without the cap"), marked("the cap turns the result round")),
    "one_donor": (marked("No single reader decides"), marked("a single reader decides the result")),
    "pooled_agreement": (marked("Phases agree"), marked("the phases of the test disagree")),
    "novelty": (marked("No trend over time"), marked("the effect changed over time")),
    "maturity": (marked("Open outcome windows"), marked("outcomes are still open")),
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
        name, short = (spoken.say(text) for text in _CHECKS[code])
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


def _untied_sentence(findings: Sequence[_Finding]) -> str | None:
    say = findings[0].spoken.say
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
        return say("The share of gifts tied to nobody is alike: {shares}.", shares=shares)
    return say(
        "The share of gifts tied to nobody differs: {shares}. What they gave is missing unevenly.", shares=shares
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


def _basis_sentence(findings: Sequence[_Finding]) -> str | None:
    spoken = findings[0].spoken
    if findings[0].status == "pass":
        return spoken.say("Counted from the first view instead, nothing speaks strongly the other way.")
    said = [
        spoken.say(
            "{wording} is {exposed} counted as registered and {viewed} counted from the first view",
            wording=item.name,
            exposed=item.percent("exposed", plus=True),
            viewed=item.percent("viewed", plus=True),
        )
        for item in findings
    ]
    return sentence(capital("; ".join(said)))


def _cap_sentence(findings: Sequence[_Finding]) -> str | None:
    spoken = findings[0].spoken
    if findings[0].status == "pass":
        return spoken.say("With the cap and without it the difference points the same way.")
    said = [
        spoken.say(
            "{wording} is {capped} with the cap and {uncapped} without",
            wording=item.name,
            capped=item.percent("capped", plus=True),
            uncapped=item.percent("uncapped", plus=True),
        )
        for item in findings
    ]
    return sentence(
        capital(
            spoken.say("{findings}: a few large {gifts} decide", findings="; ".join(said), gifts=spoken.words.gifts)
        )
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
    said = [
        spoken.say(
            "{wording} is {pooled} taken together and {within} compared within phases",
            wording=item.name,
            pooled=item.percent("pooled", plus=True),
            within=item.percent("within_epochs", plus=True),
        )
        for item in findings
    ]
    return sentence(capital("; ".join(said)))


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


_CHECK_SENTENCES: Mapping[str, Callable[[Sequence[_Finding]], str | None]] = {
    "sample_ratio": _split_sentence,
    "contamination": _contamination_sentence,
    "contamination_by_variant": _spread_sentence,
    "left_out_by_variant": _left_out_sentence,
    "untied_gifts": _untied_sentence,
    "denominator": _denominator_sentence,
    "basis_agreement": _basis_sentence,
    "cap_agreement": _cap_sentence,
    "one_donor": _one_donor_sentence,
    "pooled_agreement": _pooled_sentence,
    "novelty": _novelty_sentence,
    "maturity": _maturity_sentence,
}


# -- facts of the plan -----------------------------------------------------------------------------------------------


def window_words(hours: int, spoken: Voice) -> str:
    """Return an outcome window in words: days where it is whole days."""
    if hours % 24:
        return spoken.say_n("{count} hour", "{count} hours", hours)
    return spoken.say_n("{count} day", "{count} days", hours // 24)


def run_words(experiment: Experiment, as_of: date | None, spoken: Voice) -> str:
    """Return how far a test is: its day while it runs, its dates once it is over."""
    if as_of is None:
        return spoken.say("a table without dates")
    start, end = experiment.starts, experiment.planned_end
    if as_of < start:
        return spoken.say("starts {day}", day=spoken.day(start))
    if as_of <= end:
        day, most = (as_of - start).days + 1, experiment.maximum_days
        return spoken.say("day {day} of at most {most}", day=spoken.count(day), most=spoken.count(most))
    return spoken.say("{first} to {last}", first=spoken.short_day(start), last=spoken.day(end))

"""How one report speaks: what things are called on its surface, and numbers, money and dates in its language and locale."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Literal

from babel import Locale
from babel.dates import format_date, format_datetime, format_skeleton
from babel.lists import format_list
from babel.numbers import NumberPattern, format_decimal

from analysis.experiment_result import NO_CURRENCY, Audience
from analysis.metrics import METRICS, Metric
from analysis.money import minor_digits
from dashboards.reading import Range
from dashboards.translations import SOURCE, language_of, marked, messages

MINUS = "\N{MINUS SIGN}"


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

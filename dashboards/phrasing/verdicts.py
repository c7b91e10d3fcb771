"""Verdicts in words: badge, headline, standfirst and advice of an experiment, and the rule step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from analysis.experiment_result import ExperimentResult
from dashboards.phrasing.checks import checks_in_words
from dashboards.phrasing.guardrails import guardrail_state
from dashboards.phrasing.names import metric_name
from dashboards.phrasing.voice import Voice, voice
from dashboards.phrasing.words import (
    STRENGTHS,
    capital,
    evidence_words,
    full_days,
    givers_words,
    monthly,
    number_word,
    plain,
    reason_words,
    sentence,
    wording,
)
from dashboards.reading import DAYS_PER_MONTH, PROVEN, Comparison, Range, Reading
from dashboards.theme import Arm
from dashboards.translations import marked

Tone = Literal["up", "down", "note", "link", "mute"]
Icon = Literal["tick", "equals", "clock", "question", "hand", "exclamation"]
#: Longest headline in characters; forms of a sentence are tried from the fullest to the shortest.
HEADLINE_LENGTH = 90


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
                (say("A few large {gifts} decide this test so far", gifts=self.spoken.words.gifts),),
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
        return forms, why, say("Find the cause and repair it. The figures are shown, the verdict is not.")

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
        if self.comparison.has_registered_end:
            return self._sentence_on_the_end(self.comparison)
        if e_value < STRENGTHS[0][0]:
            return say("There is no evidence of a difference yet.")
        if e_value >= PROVEN:
            return say("A difference is proven.")
        return say("The evidence of a difference is {strength}.", strength=evidence_words(e_value, self.spoken))

    def _sentence_on_the_end(self, comparison: Comparison) -> str:
        say = self.spoken.say
        if comparison.is_proven:
            return say("A difference is proven.")
        if comparison.row.get("planned_closed_at") is not None:
            return say("The registered end has come, and no difference is proven.")
        share = self.spoken.percent(comparison.number("planned_share") or 0.0)
        return say("{share} of the information planned is in, and no look has gone beyond its bound.", share=share)

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
    "registered_end_reached": marked("Forecast: the registered end has been reached."),
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

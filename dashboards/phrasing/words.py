"""Words that every part of a page shares: texts from outside made plain, counts in words, strengths, reasons, times."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import date

from analysis.registry import Experiment
from dashboards.phrasing.voice import Voice
from dashboards.reading import PROVEN, Comparison, Worth
from dashboards.theme import Arm
from dashboards.translations import marked


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


#: Words for an e-value up to each bound, and from `PROVEN` on.
STRENGTHS = ((3.0, marked("no evidence yet")), (10.0, marked("weak")), (PROVEN, marked("substantial")))
_PROVEN = marked("proven")


def evidence_words(e_value: float | None, spoken: Voice) -> str:
    """Return the strength of evidence in words: below 3 none yet, to 10 weak, to 20 substantial, from 20 proven."""
    if e_value is None:
        return spoken.say("not known")
    return spoken.say(next((words for bound, words in STRENGTHS if e_value < bound), _PROVEN))


def evidence_of(comparison: Comparison, spoken: Voice) -> str:
    """Return what the evidence of a comparison has come to: by its e-value, or by the bounds up to a registered end."""
    if not comparison.has_registered_end:
        return evidence_words(comparison.e_value, spoken)
    if comparison.is_proven:
        return spoken.say(_PROVEN)
    if comparison.row.get("planned_closed_at") is not None:
        return spoken.say("not proven by the registered end")
    return spoken.say("not beyond the bound yet")


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
    "no_untied_gifts": marked("All {gifts} that name this test are tied to a reader who was asked."),
    "several_epochs": marked("Planned shares changed, and this method knows one split."),
    "few_before": marked("Too few readers with any of it before the test."),
    "not_registered": marked("Earlier visits are not registered as a covariate."),
    "few_untied_gifts": marked("Too few {gifts} are tied to nobody to compare their shares."),
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

"""The four figures at the top: difference, worth a month, readers, trust checks."""

from __future__ import annotations

from dashboards.blocks import Figure
from dashboards.experiment.scales import shown_metric
from dashboards.phrasing.checks import checks_in_words
from dashboards.phrasing.voice import Voice
from dashboards.phrasing.words import capital, full_days, givers_words, reason_words, wording
from dashboards.reading import Reading
from dashboards.translations import marked


def key_figures(reading: Reading, spoken: Voice) -> tuple[Figure, ...]:
    """Return the four figures, each with a line below it; an unknown one says why."""
    return (
        _difference_figure(reading, spoken),
        _worth_figure(reading, spoken),
        _readers_figure(reading, spoken),
        _checks_figure(reading, spoken),
    )


def _difference_figure(reading: Reading, spoken: Voice) -> Figure:
    metric, arm = shown_metric(reading), reading.challenger
    label = (
        spoken.say("Difference in money")
        if metric == "value"
        else spoken.say("Difference in {outcomes}", outcomes=spoken.words.outcomes)
    )
    comparison = None if arm is None else reading.comparison(arm.id, metric)
    if arm is None or comparison is None or comparison.difference is None:
        reason = reason_words(None if comparison is None else comparison.reason, spoken)
        return Figure(label, spoken.say("Not known"), reason)
    within = comparison.difference_range
    below = spoken.say(
        "{unit}, {wording} against the current wording.", unit=spoken.unit_of(metric), wording=wording(arm, spoken, 28)
    )
    beside = (
        spoken.say("Range {range}.", range=spoken.difference_range(metric, within))
        if within.is_known
        else reason_words(comparison.reason, spoken)
    )
    return Figure(label, spoken.difference(metric, comparison.difference), f"{below} {beside}")


def _worth_figure(reading: Reading, spoken: Voice) -> Figure:
    say = spoken.say
    label, arm = say("Worth a month"), reading.challenger
    worth = None if arm is None else reading.worth(arm.id)
    if reading.day is None:
        return Figure(label, say("Not known"), say("The table has no dates, so traffic a month is not known."))
    if worth is None or arm is None:
        return Figure(label, say("Not known"), say("There is not enough to project from yet."))
    if reading.result.decision.get("verdict") == "too_early":
        return Figure(label, say("Too early"), say("A projection from so little would mislead."))
    if reading.result.decision.get("verdict") == "fix_first":
        return Figure(label, say("Withheld"), say("Until the trust check passes."))
    return Figure(
        label,
        f"≈ {spoken.sum_of_money(worth.expected, worth.range, plus=True)}",
        say(
            "if everyone saw {wording}, at present traffic. Likely {range}.",
            wording=wording(arm, spoken, 28),
            range=spoken.range_of_sums(worth.range),
        ),
    )


def _readers_figure(reading: Reading, spoken: Voice) -> Figure:
    days = reading.result.decision.get("n_days")
    counts = [reading.contributors(arm.id) for arm in reading.arms]
    givers = sum(count for count in counts if count is not None)
    below = givers_words(givers, spoken)
    if isinstance(days, int):
        below = spoken.say("in {days}; {givers}", days=full_days(days, spoken), givers=below)
    return Figure(capital(spoken.words.asked), spoken.prose_count(reading.all_readers), below)


def _checks_figure(reading: Reading, spoken: Voice) -> Figure:
    statuses = [words.status for words in checks_in_words(reading, spoken)]
    asked = [status for status in statuses if status != "not_applicable"]
    below = [
        spoken.say(words, number=spoken.count(count))
        for count, words in (
            (asked.count("block"), marked("{number} failed")),
            (asked.count("warn"), marked("{number} worth a look")),
            (len(statuses) - len(asked), marked("{number} could not be asked")),
        )
        if count
    ]
    figure = (
        spoken.say("{number} of {all} passed", number=spoken.count(asked.count("pass")), all=spoken.count(len(asked)))
        if asked
        else spoken.say("None asked")
    )
    return Figure(spoken.say("Trust checks"), figure, "; ".join(below) or spoken.say("None failed, none to watch"))

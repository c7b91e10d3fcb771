"""The drawing under the headline: every wording with the range of its difference."""

from __future__ import annotations

from markupsafe import Markup

from analysis.experiment_result import ExperimentResult
from dashboards import svg
from dashboards.charts import Hero, HeroRow, axis_of
from dashboards.experiment.scales import any_range, clipped, range_words, tick_money
from dashboards.phrasing.names import metric_name
from dashboards.phrasing.voice import Voice, voice
from dashboards.phrasing.words import capital, plain, wording
from dashboards.reading import Range, Reading


def hero_drawing(result: ExperimentResult) -> Markup | None:
    """Return the range bars of all wordings of a result; None where there is no range to draw."""
    return ranges_drawing(Reading(result), voice(result.audience, result.experiment.surface))


def ranges_drawing(reading: Reading, spoken: Voice) -> Markup | None:
    """Draw the range bars of all wordings, in the primary metric; None where there is no range to draw."""
    metric = reading.primary  # what the headline speaks of: two metrics side by side would read as a contradiction
    base = reading.mean(metric, reading.control.id)
    if base is None or not any_range(reading, metric):
        return None  # dots on an axis without zero and without ranges would look like a difference
    rows, label = [], []
    for arm in reading.arms:
        mean = reading.mean(metric, arm.id)
        comparison = reading.comparison(arm.id, metric)
        within = Range(None, None) if comparison is None else comparison.difference_range.shifted(base * 1_000)
        text = spoken.say("not known") if mean is None else spoken.level(metric, mean)
        is_unnamed = arm.is_control and not arm.variant.name
        name = capital(wording(arm, spoken)) if is_unnamed else plain(arm.variant.label, 40)
        rows.append(HeroRow(arm.letter, arm.token, name, None if mean is None else mean * 1_000, text, within))
        said = spoken.say("{name}: {value}", name=name, value=text)
        label.append(
            spoken.say("{said}, range {range}", said=said, range=_said_range(spoken, metric, within))
            if within.is_known
            else said
        )
    axis = axis_of(
        [base * 1_000, *(row.value for row in rows), *clipped([row.range for row in rows], base * 1_000)],
        lambda tick: (
            spoken.level(metric, tick / 1_000) if spoken.kind_of(metric) != "money" else tick_money(spoken, tick)
        ),
        most=4,
        zero=False,
    )
    return svg.hero(Hero(tuple(rows), axis, base * 1_000, f"{hero_unit(reading, spoken)}: {'; '.join(label)}."))


def _said_range(spoken: Voice, metric: str, within: Range) -> str:
    low = spoken.say("open") if within.low is None else spoken.level(metric, within.low / 1_000)
    high = spoken.say("open") if within.high is None else spoken.level(metric, within.high / 1_000)
    return spoken.say("{low} to {high}", low=low, high=high)


def hero_unit(reading: Reading, spoken: Voice) -> str:
    """Return what the drawing shows and per what."""
    return f"{metric_name(reading.primary, spoken)} {spoken.unit_of(reading.primary)}"


def hero_caption(reading: Reading, spoken: Voice) -> str:
    """Return what stands under the drawing: metric, unit, and what dot and bar mean."""
    metric = reading.primary
    return spoken.say(
        "{metric} {unit}. {range_words} The bar is the range of the difference from the current wording, whose own value is the dashed line.",
        metric=metric_name(metric, spoken),
        unit=spoken.unit_of(metric),
        range_words=range_words(reading, metric, spoken),
    )

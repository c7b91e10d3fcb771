"""The comparison once more with what was known of readers before they were asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboards.blocks import Cell, Column, Section, Sentences, Table, TableRow
from dashboards.experiment.queries import table_queries
from dashboards.phrasing.names import metric_name
from dashboards.phrasing.voice import Voice
from dashboards.phrasing.words import plain, reason_words
from dashboards.reading import Range, Reading
from dashboards.translations import marked

_METHODS = {
    "one_covariate": marked("Earlier visits taken into account"),
    "covariates": marked("All that is registered taken into account"),
    "post_stratified": marked("Compared inside groups alike"),
}
#: Variance kept above which the gain is said to be none.
_NO_GAIN = 0.99


def adjusted_section(reading: Reading, spoken: Voice) -> Section | None:
    """Return every adjusted comparison beside the plain one; None where no covariate is registered."""
    rows = reading.result.adjusted_estimates.to_dicts()
    if not rows:
        return None
    say = spoken.say
    metrics = ", ".join(dict.fromkeys(metric_name(str(row["metric"]), spoken) for row in rows))
    told = [row for row in rows if row["variant_id"] in reading.arm_by_id]
    return Section(
        id="adjusted",
        heading=say("With what was known of readers before"),
        lead=say(
            "The same comparison with what was known of readers before they were asked. It takes chance differences between the groups off, and decides nothing."
        ),
        blocks=(
            Table(
                say("{metrics} with less noise", metrics=metrics),
                (
                    Column(say("Metric")),
                    Column(say("Wording")),
                    Column(say("How")),
                    Column(say("As told above"), say("percent, with range"), "number"),
                    Column(say("This way"), say("percent, with range"), "number"),
                    Column(say("Gain"), "", "text"),
                ),
                tuple(_row(row, reading, spoken) for row in told),
                is_compact=True,
            ),
            Sentences(
                (
                    say(
                        "Known before: {covariates}. For {outcomes} the gain is next to none, since hardly anything that is known of a reader foretells one.",
                        outcomes=spoken.words.outcomes,
                        covariates=spoken.listed(
                            [_covariate(name, spoken) for name in reading.result.experiment.covariates]
                        ),
                    ),
                )
            ),
        ),
        queries=table_queries(
            reading,
            (say("The adjusted comparisons"), "adjusted_estimates", ""),
            (say("Differences and their ranges"), "estimates", "basis = 'exposed' AND segment_kind = 'all'"),
        ),
        data=(
            ("metric", "variant_id", "method", "lift", "low", "high", "variance_kept"),
            *(
                tuple(
                    row[key]
                    for key in (
                        "metric",
                        "variant_id",
                        "method",
                        "lift",
                        "anytime_low",
                        "anytime_high",
                        "variance_kept",
                    )
                )
                for row in told
            ),
        ),
    )


def _row(row: Mapping[str, Any], reading: Reading, spoken: Voice) -> TableRow:
    arm, metric = reading.arm_by_id[row["variant_id"]], str(row["metric"])
    compared = reading.comparison(arm.id, metric)
    plainly = (
        Cell(spoken.say("Not known"))
        if compared is None or compared.number("lift") is None
        else _told(
            compared.number("lift"), Range(compared.number("anytime_low"), compared.number("anytime_high")), spoken
        )
    )
    cells = (
        Cell(plain(arm.variant.label, 40)),
        Cell(spoken.say(_METHODS[row["method"]])),
        plainly,
        Cell(spoken.say("Not known"), reason_words(row["reason"], spoken))
        if row["lift"] is None
        else _told(row["lift"], Range(row["anytime_low"], row["anytime_high"]), spoken),
        Cell(_gain(row["variance_kept"], spoken)),
    )
    return TableRow(Cell(metric_name(metric, spoken)), cells, arm.letter, arm.token)


def _told(lift: float | None, within: Range, spoken: Voice) -> Cell:
    said = spoken.percent_range(within) if within.is_known else spoken.say("no range")
    return Cell(spoken.percent(lift or 0.0, plus=True, digits=1), said)


def _gain(kept: float | None, spoken: Voice) -> str:
    if kept is None:
        return spoken.say("Not known")
    if kept > _NO_GAIN:
        return spoken.say("no gain")
    return spoken.say("as if {share} more readers had been asked", share=spoken.percent(1 / kept - 1))


def _covariate(name: str, spoken: Voice) -> str:
    return {
        "visits_before": spoken.say("pageviews in the 28 days before"),
        "device": spoken.say("device"),
        "reader_type": spoken.say("kind of reader"),
    }[name]

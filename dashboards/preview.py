"""The pages of an edition as Markdown: a preview for Dagster's own page, where no HTML is shown. Not a page of its own."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

import polars as pl

from analysis.experiment_result import ExperimentResult
from analysis.registry import Experiment
from dashboards.experiment.hero import hero_drawing
from dashboards.frontpage import shelve
from dashboards.phrasing.verdicts import verdict_words
from dashboards.phrasing.words import plain
from dashboards.pictures import png

#: Tests that are shown with picture and advice; of others the verdict stands alone, so that the history stays small.
MOST_PICTURES = 3

_LIFT = ("lift", "anytime_low", "anytime_high")


def as_text(value: object) -> str:
    """A value as text that Markdown shows as it is: one line, no markup, no cell of its own."""
    flat = " ".join(str("" if value is None else value).split())
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", flat)


def markdown_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows as a table in Markdown; what came from outside stands in it as text."""
    lines = [" | ".join(as_text(cell) for cell in line) for line in (heads, *rows)]
    lines.insert(1, " | ".join("---" for _ in heads))
    return "\n".join(f"| {line} |" for line in lines)


def site_preview(results: Sequence[ExperimentResult], site_url: str = "") -> str:
    """Every test's verdict in the words of its page, what needs a person first, the first with their picture.

    Each links to its page where `site_url` says where the site stands.
    """
    shelf = shelve(results)
    told = [*shelf.needs, *shelf.running, *shelf.maturing, *shelf.finished]
    return "\n\n".join(_test(result, site_url, pictured=number < MOST_PICTURES) for number, result in enumerate(told))


def _test(result: ExperimentResult, site_url: str, *, pictured: bool) -> str:
    words = verdict_words(result)
    name = as_text(plain(result.experiment.name, 80))
    if site_url:
        name = f"[{name}]({site_url.rstrip('/')}/experiments/{result.experiment.id}.html)"
    lines = [f"**{name}** · {as_text(words.badge.words)}", f"{as_text(words.headline)}. {as_text(words.money_line)}"]
    if pictured:
        drawing = hero_drawing(result)
        if drawing is not None:
            lines.append(f"![](data:image/png;base64,{base64.b64encode(png(drawing)).decode()})")
        lines.append(as_text(words.advice))
    return "\n\n".join(lines)


def counts_table(statistics: pl.DataFrame) -> str:
    """Readers, contributors and value of every variant on the last day, as a table."""
    newest = pl.col("as_of") == pl.col("as_of").max().over("experiment_id")
    whole = (pl.col("basis") == "exposed") & (pl.col("segment_kind") == "all") & (pl.col("metric") == "value")
    rows = (
        statistics.filter(newest & whole)
        .group_by("experiment_id", "as_of", "variant_id", maintain_order=True)
        .agg(pl.col("n", "x").sum(), pl.col("s1").sum().round(0).cast(pl.Int64))
    )
    return markdown_table(
        ("experiment", "day", "variant", "readers", "contributors", "value (minor units)"), rows.rows()
    )


def lifts_table(estimates: pl.DataFrame, experiments: Sequence[Experiment]) -> str:
    """Lift of every variant on the metric that decides, on the last day, as a table; absent where it cannot be known."""
    primary = {experiment.id: experiment.primary_metric for experiment in experiments}
    rows = estimates.filter(
        (pl.col("as_of") == pl.col("as_of").max().over("experiment_id"))
        & (pl.col("basis") == "exposed")
        & (pl.col("segment_kind") == "all")
        & (pl.col("metric") == pl.col("experiment_id").replace_strict(primary, default=None, return_dtype=pl.String))
    )
    figures = [
        (
            row["experiment_id"],
            row["metric"],
            row["variant_id"],
            *(_percent(row[name]) for name in _LIFT),
            row["reason"],
        )
        for row in rows.iter_rows(named=True)
    ]
    return markdown_table(("experiment", "metric", "variant", "lift", "from", "to", "why absent"), figures)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:+.1%}"

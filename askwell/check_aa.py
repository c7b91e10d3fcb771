"""`askwell check --aa`: false alarms on the publisher's own readers, whose labels are drawn anew."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import typer

from analysis.database import events_gone, open_database
from analysis.errors import AskwellError, NothingToReport
from analysis.queries import query
from analysis.relabelling import FEWEST_OF_A_TEST, AATests, FalseAlarms, aa_tests
from analysis.settings import read_settings
from askwell.run import progress_bar

#: A/A tests over all past tests together: the band of a rate of 5 % is then a point and a half.
TESTS = 1000
_FEWEST_DRAWS, _MOST_DRAWS = 20, 1000
_METHODS = {
    "one_look": "ordinary test, one look on the last day",
    "daily_looks": "ordinary test, read every day",
    "anytime": "the report's evidence, read every day",
}
_METRICS = {"conversion": "Who gives", "value": "Money"}


class PromiseBroken(AskwellError):
    """Anytime evidence called more differences than it may."""


def check_aa(settings_file: Path, *, seed: int, as_json: bool) -> None:
    """Print the rate of false alarms by metric and method.

    Raises:
        NothingToReport: nothing was published yet, or no past test is large enough.
        EventsGone: the events of past tests are no longer kept.
        PromiseBroken: anytime evidence has more false alarms than its 5 %, beyond chance.
    """
    settings = read_settings(settings_file)
    with open_database(settings.folders.database) as connection:
        try:
            readers = connection.sql(query("past_readers")).pl()
        except duckdb.Error as problem:
            gone = events_gone(problem)
            if gone is None:
                raise
            raise gone from None
    large = (
        readers.filter("is_converted")
        .group_by("experiment_id")
        .agg(pl.col("readers").sum())
        .filter(pl.col("readers") >= FEWEST_OF_A_TEST)
        .height
    )
    if not large:
        raise NothingToReport(f"No past test has {FEWEST_OF_A_TEST} contributors: there is nothing to draw from yet.")
    draws = min(max(-(-TESTS // large), _FEWEST_DRAWS), _MOST_DRAWS)
    with progress_bar(visible=not as_json) as reporter:
        found = aa_tests(
            readers,
            draws,
            np.random.default_rng(seed),
            report=lambda name, done, of: reporter("Drawing labels anew", name, done, of),
        )
        reporter("Drawing labels anew", "", 1, 1)
    typer.echo(json.dumps(asdict(found) | {"is_kept": found.is_kept}) if as_json else _words(found))
    if not found.is_kept:
        raise PromiseBroken(
            "Evidence called more differences than its 5 %, beyond chance: please report it with the table."
        )


def _words(found: AATests) -> str:
    lines = [
        f"Readers of {len(found.experiments)} past test(s) put into two groups by the toss of a coin, {found.draws} times each:",
        "there is no difference, so every difference found is a false alarm.",
        "",
    ]
    for metric, name in _METRICS.items():
        lines.append(name)
        lines += [_line(one) for one in found.results if one.metric == metric]
    lines.append("")
    if found.too_small:
        lines.append(
            f"{len(found.too_small)} past test(s) have fewer than {FEWEST_OF_A_TEST} contributors and are left out."
        )
    lines.append(
        "Evidence may be wrong in 5 % of tests at most, however often one looks. It was not wrong more often than that."
    )
    return "\n".join(lines if found.is_kept else lines[:-1])


def _line(one: FalseAlarms) -> str:
    if one.rate is None or one.low is None or one.high is None:
        return f"  {_METHODS[one.method]:40} nothing said: too few gifts"
    return f"  {_METHODS[one.method]:40} {one.rate:6.1%}  ({one.low:.1%} to {one.high:.1%}; {one.alarms:,} of {one.tests:,})"

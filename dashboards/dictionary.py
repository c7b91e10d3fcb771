"""The data dictionary as a page: every published table and column with its meaning, and the macros."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from analysis.experiment_result import Audience
from dashboards.blocks import Cell, Column, Page, Query, Section, Sentences, Table, TableRow
from dashboards.phrasing.voice import voice
from dashboards.phrasing.words import plain


def dictionary_report(dictionary: pl.DataFrame, macros: pl.DataFrame, audience: Audience) -> Page:
    """Return the page; its path stands in the site's navigation.

    Args:
        dictionary: The view `data_dictionary`, whole.
        macros: The view `macros`, whole.
    """
    spoken = voice(audience)
    say = spoken.say
    by_table = {str(key[0]): rows for key, rows in dictionary.partition_by("table_name", as_dict=True).items()}
    columns = (Column(say("Column")), Column(say("Meaning")), Column(say("Type")))
    return Page(
        path="dictionary.html",
        title=say("Data dictionary"),
        publisher=plain(audience.publisher),
        language=spoken.language_tag,
        kicker=(say("Data dictionary"),),
        headline=say("Every table and column of the database, and what it means"),
        standfirst=say(
            "Everything on these pages comes from these tables. They can be read while data is being loaded."
        ),
        sections=(
            Section(
                "macros",
                say("Common questions in one line"),
                (
                    Table(
                        say("Macros"),
                        (Column(say("Macro")), Column(say("Meaning")), Column(say("Parameters"))),
                        tuple(_macro_rows(macros)),
                    ),
                ),
                queries=(
                    Query(say("All macros"), "FROM macros"),
                    Query(say("Every table and column"), "FROM data_dictionary"),
                ),
            ),
            *(
                Section(
                    f"table-{name.replace('_', '-')}",
                    name,
                    (
                        Sentences((str(rows["table_meaning"][0]),)),
                        Table(
                            say("Columns of {table}", table=name),
                            columns,
                            tuple(_column_rows(rows)),
                            summary=spoken.say_n("{count} column", "{count} columns", rows.height),
                        ),
                    ),
                )
                for name, rows in by_table.items()
            ),
        ),
    )


def _column_rows(rows: pl.DataFrame) -> Iterator[TableRow]:
    for row in rows.iter_rows(named=True):
        yield TableRow(
            Cell(str(row["column_name"])),
            (Cell(str(row["column_meaning"] or "").replace("`", "")), Cell(str(row["data_type"]), weak=True)),
        )


def _macro_rows(macros: pl.DataFrame) -> Iterator[TableRow]:
    for row in macros.iter_rows(named=True):
        if str(row["macro_meaning"]).startswith("Helper"):
            continue
        yield TableRow(
            Cell(str(row["macro_name"])), (Cell(str(row["macro_meaning"])), Cell(str(row["parameters"]), weak=True))
        )

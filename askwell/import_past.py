"""`askwell import`: arm totals of tests that ended before Askwell, into the warehouse, so that wording starts with a history."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import typer

from analysis.settings import read_settings
from analysis.store import Warehouse, fingerprint
from analysis.wording.past_tests import SET_ASIDE, PastTests, read_past_tests
from analysis.wording.tables import PAST_ARMS
from askwell.run import printable


def import_past(settings_file: Path, file: Path, columns: Sequence[str], name: str | None, *, as_json: bool) -> None:
    """Read the file, put it in the place of an earlier import of the same name, and say what came of every row.

    Raises:
        TableError: the file cannot be understood.
        WarehouseError: another process writes.
    """
    settings = read_settings(settings_file)
    found = read_past_tests(file, _mapped(columns))
    scope = name or re.sub(r"[^a-z0-9_-]+", "-", file.name.split(".")[0].lower()).strip("-") or "import"
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", scope):
        raise typer.BadParameter(f"--name {scope!r}: small letters, digits, - and _, at most 63 of them")
    warehouse = Warehouse(settings)
    content = fingerprint(found.arms.write_ndjson())
    with warehouse.writing(holder="askwell import"):
        before = [part for part in warehouse.parts(PAST_ARMS, [scope]) if part.inputs == content]
        if not before:
            warehouse.replace([warehouse.write_frame(found.arms, PAST_ARMS, scope, inputs=content)])
    if as_json:
        typer.echo(json.dumps(_document(found, scope, is_new=not before)))
    else:
        typer.echo(_told(found, scope, is_new=not before))


def _mapped(columns: Sequence[str]) -> dict[str, str]:
    mapped: dict[str, str] = {}
    for pair in (one for given in columns for one in given.split(",")):
        ours, sign, theirs = pair.partition("=")
        if not (ours.strip() and sign and theirs.strip()):
            raise typer.BadParameter(f"--columns {pair!r}: give pairs such as test_id=Test,readers=Seen")
        if ours.strip() in mapped:
            raise typer.BadParameter(
                f"--columns names {ours.strip()!r} twice: give each of our columns one of the file"
            )
        mapped[ours.strip()] = theirs.strip()
    return mapped


def _document(found: PastTests, scope: str, *, is_new: bool) -> dict[str, object]:
    return {
        "import": scope,
        "changed": is_new,
        "tests": found.tests,
        "arms": found.arms.height,
        "received": found.received,
        "merged": found.merged,
        "set_aside": found.set_aside,
        "tests_with_broken_split": found.broken.height,
        "tests_scaled_back": found.scaled,
        "tests_without_words": _without_words(found),
    }


def _without_words(found: PastTests) -> int:
    words = pl.concat_str(
        [pl.col(part).fill_null("") for part in ("headline", "body", "highlight", "button")]
    ).str.len_chars()
    return found.arms.filter((words == 0).all().over("test_id"))["test_id"].n_unique()


def _told(found: PastTests, scope: str, *, is_new: bool) -> str:
    lines = [
        f"{'Imported' if is_new else 'Nothing new in'} {printable(scope)}: "
        f"{_counted(found.tests, 'test')} with {_counted(found.arms.height, 'wording')}.",
        f"Rows: {found.received:,} received = {found.arms.height:,} used + {found.merged:,} added to the same words of "
        f"their test + {sum(found.set_aside.values()):,} set aside.",
    ]
    lines += [f"  {rows:,} {SET_ASIDE[reason]}" for reason, rows in found.set_aside.items()]
    if found.scaled:
        lines.append(
            f"{_counted(found.scaled, 'test')} counted a sample and scaled it up; the split was checked on the sample."
        )
    if found.broken.height:
        months = found.broken.drop_nulls("month").group_by("month").len().sort("len", "month", descending=[True, False])
        when = ", ".join(f"{month:%b %Y}: {count}" for month, count in months.head(4).iter_rows())
        lines.append(
            f"Not split evenly, so that nothing is learned from it: {_counted(found.broken.height, 'test')}"
            f"{f' (most in {when})' if when else ''}."
        )
    without = _without_words(found)
    if without:
        lines.append(f"Kept without words, saying nothing about wording: {_counted(without, 'test')}.")
    alone = found.arms.filter(pl.len().over("block_id") == 1)["block_id"].len()
    if alone:
        lines.append(f"Kept without another one to compare with, saying nothing: {_counted(alone, 'wording')}.")
    if is_new:
        lines.append("Run `askwell run` to make an edition with them.")
    return "\n".join(lines)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"

"""`askwell forget`: a reader's rows out of every table and file, and a receipt that does not name them."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import typer

from analysis.erasure import Receipt, forget_reader
from analysis.errors import AskwellError, NothingToReport
from analysis.settings import read_settings
from analysis.store import Warehouse
from askwell.run import execute, printable, progress_bar


def forget(settings_file: Path, reader: str | None, *, only_this_id: bool, receipt: Path | None, as_json: bool) -> None:
    """Erase, publish, and print the receipt.

    Raises:
        NothingToReport: there is no warehouse yet.
        AskwellError: the receipt cannot be written.
    """
    settings = read_settings(settings_file)
    warehouse = Warehouse(settings)
    if not warehouse.exists():
        raise NothingToReport(f"There is no warehouse at {settings.folders.warehouse}: nothing is stored of anybody.")
    # Asked for, it stands neither in the history of the shell nor in the list of processes.
    asked = reader or str(typer.prompt("Reader id", err=True) if sys.stdin.isatty() else sys.stdin.readline())
    if not asked.strip():
        raise typer.BadParameter("the reader id is empty")
    with warehouse.writing(holder="askwell forget"):
        done = forget_reader(warehouse, asked, with_linked=not only_this_id)
    if warehouse.editions():  # also where nothing was left to take: a killed call may have ended before it published
        with progress_bar(visible=not as_json) as reporter:
            execute(settings_file, reporter)
    document = {"forgotten_at": datetime.now(UTC).isoformat(timespec="seconds"), **asdict(done)}
    text = json.dumps(document, indent=2) + "\n"
    if receipt is not None:
        try:
            receipt.write_text(text, encoding="utf-8")
        except OSError as problem:
            raise AskwellError(f"The receipt {receipt} cannot be written ({problem.strerror}).") from None
    typer.echo(text if as_json else _told(done), nl=False)


def _told(done: Receipt) -> str:
    if not done.rows:
        return "Nothing is stored of this reader. Rows that come later are refused.\n"
    tables = ", ".join(f"{rows} of {table}" for table, rows in sorted(done.rows.items()))
    linked = f" {done.linked} linked id(s) went with it." if done.linked else ""
    lines = [
        f"Forgotten: {tables}.{linked} Rows that come later are refused, and the results are published without them."
    ]
    if done.files:
        lines.append("These landed files still hold what was sent; Askwell never writes there:")
        lines += [f"  {printable(name)}" for name in done.files]
    return "\n".join(lines) + "\n"

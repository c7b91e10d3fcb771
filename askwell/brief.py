"""`askwell brief`: the brief of the last edition, as files and, where asked for, to everybody who is to have it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import typer

from analysis.delivery import DeliveryError, complaints
from analysis.registry import read_registry
from analysis.settings import read_settings
from analysis.store import Warehouse


def run_brief(settings_file: Path, *, send: bool, again: bool, as_json: bool) -> None:
    """Write the brief; send it with `send`, also to those who have had it with `again`.

    Raises:
        NothingToReport: no edition has been published yet.
        DeliveryError: somebody did not get it.
    """
    from dashboards.edition import publish_brief

    settings = read_settings(settings_file)
    experiments = read_registry(settings.folders.experiments, settings.shared)
    letter, receipts = publish_brief(Warehouse(settings), experiments, datetime.now(UTC), send=send, again=again)
    folder = settings.delivery.folder
    if as_json:
        found = {
            "key": letter.key,
            "subject": letter.subject,
            "files": sorted(str(path) for path in folder.glob(f"{letter.key}.*")),
            "receipts": [
                {"recipient": receipt.recipient, "outcome": receipt.outcome, "reason": receipt.reason}
                for receipt in receipts
            ],
        }
        typer.echo(json.dumps(found, ensure_ascii=False))
    else:
        typer.echo(f"{letter.subject}\n\n{letter.short}\n\n{folder / letter.key}.html, .eml and .txt")
        for receipt in receipts:
            typer.echo(f"{receipt.recipient}: {receipt.outcome.replace('_', ' ')}")
        if send and not receipts:
            typer.echo("Nobody is named: set delivery.mail_to, or channels in the environment.")
    if said := complaints(receipts):
        raise DeliveryError("The brief did not reach everybody:\n" + "\n".join(f"  {text}" for text in said))

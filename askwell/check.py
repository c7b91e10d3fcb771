"""`askwell check`: every mistake in settings and registry at once, and what the landing folder would bring."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import typer

from analysis.contract import KINDS
from analysis.errors import AskwellError, ConfigurationError, LandingError
from analysis.ingestion import due_files, validated_batches
from analysis.landing import BAD_LINES, LandedFile
from analysis.money import read_rates
from analysis.registry import Experiment, read_experiment
from analysis.settings import Settings, employee_ids, read_settings
from analysis.sources.mapping import Mapping, files_to_read, source_mappings
from analysis.store import Warehouse
from analysis.validation import REASONS, Rules, refused
from askwell.run import printable, progress_bar


class CheckFailed(AskwellError):
    """At least one file cannot be used; the mistakes were printed."""


def check_workspace(settings_file: Path, *, as_json: bool) -> None:
    """Print what is right and what is not.

    Raises:
        CheckFailed: settings, registry or rates have mistakes.
    """
    settings = read_settings(settings_file)
    experiments, mistakes = _registry(settings)
    try:
        rates = read_rates(settings)
    except ConfigurationError as problem:
        mistakes.append(str(problem))
        rates = None
    try:
        employee_ids(settings)
    except ConfigurationError as problem:
        mistakes.append(str(problem))
    mappings = source_mappings(settings)
    files, strange = files_to_read(settings, mappings)
    due = due_files(Warehouse(settings), files, mappings)
    previews: list[dict[str, object]] = []
    if rates is not None:
        rules = Rules.of(
            experiments,
            now=datetime.now(UTC),
            time_zone=settings.publisher.time_zone,
            reporting_currency=settings.publisher.reporting_currency,
            rates=rates,
        )
        with progress_bar(visible=not as_json) as reporter:
            for number, file in enumerate(due):
                reporter("Reading landed files", file.name, number, len(due))
                previews.append(_preview(file, rules, mappings.get(file.source)))
            reporter("Reading landed files", "", len(due), len(due))
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "settings": str(settings.file),
                    "experiments": [experiment.id for experiment in experiments],
                    "mistakes": mistakes,
                    "files": previews,
                    "unknown_files": strange,
                },
                default=str,
            )
        )
    else:
        _print(settings, experiments, mistakes, previews, strange, len(files) - len(due))
    if mistakes:
        raise CheckFailed(f"{len(mistakes)} file(s) cannot be used as they are; nothing was changed.")


def _registry(settings: Settings) -> tuple[list[Experiment], list[str]]:
    experiments: dict[str, Experiment] = {}
    mistakes: list[str] = []
    for file in sorted(settings.folders.experiments.glob("*.toml")):
        try:
            experiment = read_experiment(file, settings.shared)
        except ConfigurationError as problem:
            mistakes.append(str(problem))
            continue
        if experiment.id in experiments:
            mistakes.append(f"{file} cannot be used:\n  id = {experiment.id!r}: is already taken")
        experiments[experiment.id] = experiment
    return list(experiments.values()), mistakes


def _preview(file: LandedFile, rules: Rules, mapping: Mapping | None) -> dict[str, object]:
    try:
        try:
            counts = _count(file, rules, mapping, carefully=False)
        except BAD_LINES:
            counts = _count(file, rules, mapping, carefully=True)
    except (LandingError, OSError) as problem:
        return {"file": file.name, "kind": file.kind, "unreadable": str(problem)}
    refused = {reason: rows for reason, rows in counts.items() if reason is not None}
    return {"file": file.name, "kind": file.kind, "rows": sum(counts.values()), "refused": refused}


def _count(file: LandedFile, rules: Rules, mapping: Mapping | None, *, carefully: bool) -> dict[str | None, int]:
    """Rows of the file by the reason for which they would be set aside; None for those that would be accepted."""
    counts: Counter[str | None] = Counter()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for found, _ in validated_batches(connection, rules, mapping, file, carefully=carefully):
            batch = found[file.kind]
            bad = refused(batch, file.kind, rules)
            counts[None] += batch.height - bad.height
            counts.update(bad["reason"].to_list())
    return dict(counts)


def _print(
    settings: Settings,
    experiments: list[Experiment],
    mistakes: list[str],
    previews: list[dict[str, object]],
    strange: list[str],
    unchanged: int,
) -> None:
    typer.echo(f"{settings.file}: fine. {settings.publisher.name}, {settings.publisher.time_zone}.")
    typer.echo(f"{settings.folders.experiments}: {len(experiments)} experiment(s) can be used.")
    for mistake in mistakes:
        typer.echo(mistake)
    if not settings.folders.landing.is_dir():
        typer.echo(f"{settings.folders.landing}: not there yet; landed files go to {'|'.join(KINDS)}/<date>/ below it.")
    typer.echo(f"{len(previews)} file(s) would be ingested, {unchanged} are in the warehouse already.")
    for preview in previews:
        name = _named(preview)
        if "unreadable" in preview:
            typer.echo(f"  {name}: {preview['unreadable']}; it would be entered in the ledger as unreadable")
            continue
        refused = preview["refused"]
        if isinstance(refused, dict) and refused:
            reasons = "; ".join(f"{rows} x {REASONS[reason].rstrip('.').lower()}" for reason, rows in refused.items())
            typer.echo(f"  {name}: {preview['rows']} rows, set aside: {reasons}")
        else:
            typer.echo(f"  {name}: {preview['rows']} rows, none set aside")
    for name in strange:
        typer.echo(
            f"  {printable(name)}: no rule covers it ({'|'.join([*KINDS, *settings.sources])}/<date>/*.parquet|ndjson|csv[.gz|.zst]); left alone"
        )


def _named(preview: dict[str, object]) -> str:
    """The file; one that a mapping makes several tables of with the table, since it has a line for each."""
    name = printable(str(preview["file"]))
    return name if name.startswith(f"{preview['kind']}/") else f"{name} ({preview['kind']})"

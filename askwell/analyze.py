"""`askwell analyze`: the inference of the pipeline on a table somebody already has."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import typer
from babel.numbers import list_currencies

from analysis.errors import TableError
from analysis.inference.other_readings import CORRECTIONS, METHODS
from analysis.money import minor_digits, to_minor
from analysis.table_balance import balance_checks
from analysis.table_results import NO_CURRENCY, TablePlan, TableResult, table_results
from analysis.tables import TableColumns, tally
from askwell.analyze_json import as_document
from askwell.analyze_text import as_text

_VIEWS = re.compile(r"view|impression|display", re.IGNORECASE)
_UNITS = {"views": "view", "readers": "reader"}


@dataclass(frozen=True)
class Options:
    """The options of the command as they were given; names of columns, and what the file does not say."""

    variant: str
    control: str | None
    converted: str | None
    value: str | None
    readers: str | None
    experiment: str | None
    capped_value: str | None
    segment: Sequence[str]
    balance: Sequence[str]
    shares: str | None
    metric: str | None
    days: int | None
    alpha: float
    smallest_effect: float | None
    cap: float | None
    currency: str | None
    unit: str | None
    methods: Sequence[str] = ()


def run_analyze(file: Path, options: Options, *, as_json: bool, report: Path | None) -> None:
    """Print what the table says, and write the page where one is asked for.

    Raises:
        TableError: the table cannot be used, or the page cannot be written.
        typer.BadParameter: options that do not go together.
    """
    _require_sense(options)
    methods = _methods(options.methods)
    currency = options.currency or NO_CURRENCY
    exponent = minor_digits().get(currency, 2)
    tallies = tally(file, _columns(options), exponent=exponent, cap=options.cap)
    plan = _plan(options, currency)
    balance = balance_checks(file, _columns(options), options.balance) if options.balance else None
    now = datetime.now(UTC).replace(microsecond=0)
    found = table_results(tallies, plan, name=file.name, now=now, balance=balance)
    pages = [] if report is None else _write_pages(found.tests, report)
    if as_json:
        typer.echo(as_document(found, tallies, plan, file, is_split=options.experiment is not None, methods=methods))
    else:
        typer.echo(as_text(found, plan, file, methods=methods))
    for page in pages:
        typer.echo(f"Page written to {page}.", err=True)


def _require_sense(options: Options) -> None:
    """Refuse combinations of options that contradict each other."""
    if options.converted is None and options.value is None:
        raise typer.BadParameter(
            "Name the column of conversions (--converted), the column of money (--value), or both."
        )
    if options.metric == "value" and options.value is None:
        raise typer.BadParameter("--metric value needs the column of money: --value.")
    if options.readers is None:
        if options.capped_value is not None:
            raise typer.BadParameter("--capped-value is for totals (--readers); with a row per reader use --cap.")
    else:
        if options.converted is None:
            raise typer.BadParameter("Totals (--readers) need the column of conversions: --converted.")
        if options.segment:
            raise typer.BadParameter("--segment needs a row per reader; totals (--readers) have no segments.")
        if options.balance:
            raise typer.BadParameter("--balance needs a row per reader; totals (--readers) have no other columns.")
        if options.cap is not None:
            raise typer.BadParameter(
                "Totals cannot be capped afterwards; name the column of capped totals: --capped-value."
            )
        if options.capped_value is not None and options.value is None:
            raise typer.BadParameter("--capped-value stands beside the raw totals: name them by --value.")
    if options.currency is not None and options.currency not in list_currencies():
        raise typer.BadParameter(f"--currency {options.currency} is no ISO 4217 code in capitals, such as EUR.")


def _methods(asked: Sequence[str]) -> frozenset[str]:
    """The methods asked for, `all` as every one there is."""
    known = (*METHODS, *CORRECTIONS)
    for name in asked:
        if name not in (*known, "all"):
            raise typer.BadParameter(f"--method {name} is not known; allowed: all, {', '.join(known)}.")
    return frozenset(known if "all" in asked else asked)


def _columns(options: Options) -> TableColumns:
    return TableColumns(
        variant=options.variant,
        converted=options.converted,
        value=options.value,
        readers=options.readers,
        test=options.experiment,
        capped_value=options.capped_value,
        segments=tuple(dict.fromkeys(options.segment)),
    )


def _plan(options: Options, currency: str) -> TablePlan:
    is_views = options.readers is not None and _VIEWS.search(options.readers) is not None
    unit = _UNITS[options.unit] if options.unit else "view" if is_views else "reader"
    metric = options.metric
    return TablePlan(
        control=options.control,
        shares=None if options.shares is None else _shares(options.shares),
        metric="value" if metric == "value" else "conversion" if metric == "conversion" else None,
        days=options.days,
        alpha=options.alpha,
        smallest_effect=options.smallest_effect,
        cap_minor=None if options.cap is None else to_minor(Decimal(str(options.cap)), currency),
        unit="view" if unit == "view" else "reader",
        readers_column=options.readers,
        currency=currency,
    )


def _shares(text: str) -> Mapping[str, float]:
    """Return `a=1,b=2` as weights by name."""
    weights: dict[str, float] = {}
    for piece in text.split(","):
        name, separator, weight = piece.rpartition("=")
        try:
            number = float(weight)
        except ValueError:
            number = math.nan
        if not separator or not name.strip() or not 0 < number < math.inf:
            raise typer.BadParameter(f"--shares {piece!r} must be NAME=WEIGHT with a weight above 0, as in a=1,b=2.")
        if name.strip() in weights:
            raise typer.BadParameter(f"--shares names {name.strip()} twice.")
        weights[name.strip()] = number
    return weights


# -- the page ------------------------------------------------------------------------------------------------------------


def _write_pages(tests: Sequence[TableResult], file: Path) -> list[Path]:
    """Write the page of each test; several tests get a file each, named after the test."""
    from dashboards.html import render_experiment_file

    written: list[Path] = []
    for test in tests:
        path = (
            file if len(tests) == 1 else _free(file.with_name(f"{file.stem}-{_slug(test.test)}{file.suffix}"), written)
        )
        try:
            path.write_text(render_experiment_file(test.result), encoding="utf-8")
        except OSError as problem:
            raise TableError(f"{path} cannot be written ({problem.strerror or problem}).") from None
        written.append(path)
    return written


def _slug(name: str | None) -> str:
    plain = unicodedata.normalize("NFKD", name or "").encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[:60] or "test"


def _free(path: Path, taken: Sequence[Path]) -> Path:
    number, free = 2, path
    while free in taken:
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return free

"""The commands, one function each. Dagster, SciPy and Plotly are imported where a command needs them, not before.

Exit code 0: done. 1: the data or the request is at fault, said in one sentence. 2: wrong usage.
"""

from __future__ import annotations

import errno
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from analysis.errors import AskwellError

app = typer.Typer(
    name="askwell",
    help="Which words make readers give? Experiments on support appeals, from event files to a verdict.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)

SettingsOption = Annotated[
    Path, typer.Option("--settings", "-s", help="The settings file, or the folder that holds askwell.toml.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON for a script.")]

_HERE = Path("askwell.toml")


class DecidingMetric(StrEnum):
    """The metric that decides."""

    VALUE = "value"
    CONVERSION = "conversion"


class CountedUnit(StrEnum):
    """What a table counts as one."""

    READERS = "readers"
    VIEWS = "views"


#: What the machine refuses, and a person mends: rights, a file system that is read only, a full disk.
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)


def main() -> None:
    """Run a command; print an error of ours, or a file that the machine refuses, as its sentence and leave with 1."""
    try:
        app()
    except AskwellError as problem:
        typer.echo(str(problem), err=True)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(0)
    except OSError as problem:
        if problem.errno not in _REFUSED or problem.filename is None:
            raise
        typer.echo(f"{problem.filename}: {problem.strerror}. `askwell doctor` says what to do.", err=True)
        sys.exit(1)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--folder", help="Where the demo lives; everything of it.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Seed of the simulated publisher.")] = 1,
    size: Annotated[str, typer.Option(help="How much: demo, tiny or truth.")] = "demo",
) -> None:
    """Simulate a publisher, run the whole pipeline on it, and show the verdicts."""
    from askwell.demo import run_demo

    run_demo(folder, seed, size)


@app.command()
def run(
    settings: SettingsOption = _HERE,
    publish_only: Annotated[
        bool, typer.Option("--publish-only", help="Publish the last results again, for example after a move.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Ingest what has landed, compute what it touches, publish database and site."""
    from askwell.run import run_pipeline

    run_pipeline(settings, publish_only=publish_only, as_json=json)


@app.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(help="A file of a source, with --source; it need not have landed.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Source of askwell.toml by which to read FILE.")] = None,
    aa: Annotated[
        bool,
        typer.Option(
            "--aa", help="A/A tests on the readers of past tests: how often is a difference found that is none?"
        ),
    ] = False,
    seed: Annotated[int, typer.Option(help="With --aa: seed of the labels that are drawn.")] = 1,
    settings: SettingsOption = _HERE,
    json: JsonOption = False,
) -> None:
    """Read settings, registry and landing folder; say every mistake, and what would be ingested."""
    if aa:
        from askwell.check_aa import check_aa

        if file is not None or source is not None:
            raise typer.BadParameter("--aa takes the readers of past tests, no FILE and no --source")
        check_aa(settings, seed=seed, as_json=json)
        return
    if (file is None) != (source is None):
        raise typer.BadParameter("--source and FILE go together")
    if file is not None and source is not None:
        from askwell.check_source import check_source

        check_source(settings, source, file, as_json=json)
        return
    from askwell.check import check_workspace

    check_workspace(settings, as_json=json)


@app.command()
def plan(
    settings: SettingsOption = _HERE,
    effect: Annotated[float, typer.Option(help="Lift to be seen: 0.1 is ten percent more.")] = 0.10,
    days: Annotated[float, typer.Option(help="Days that the test may run, at most.")] = 56.0,
    shares: Annotated[
        str, typer.Option(help="Planned weights, the control first; 1,1,1 is two variants beside the control.")
    ] = "1,1",
    alpha: Annotated[float, typer.Option(min=0.0001, max=0.4999, help="Error allowed.")] = 0.05,
    power: Annotated[float, typer.Option(min=0.01, max=0.999, help="Chance to see the lift where it is there.")] = 0.8,
    surface: Annotated[
        str | None, typer.Option(help="Take numbers from past tests of this surface only, such as donation.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Contributors per reader, such as 0.001; past tests without it.")
    ] = None,
    readers_a_day: Annotated[
        float | None, typer.Option("--readers-a-day", help="New readers a day of the test; past tests without it.")
    ] = None,
    tail: Annotated[
        float | None, typer.Option(help="Contributors for one effective gift, such as 3.3; past tests without it.")
    ] = None,
    picture: Annotated[Path | None, typer.Option(help="Write the power curve to this .svg or .png file.")] = None,
    json: JsonOption = False,
) -> None:
    """Say how long a test takes, what it can see, and whether it can ever give an answer."""
    from analysis.sizing import Design
    from askwell.plan import run_plan

    try:
        weights = tuple(float(part) for part in shares.split(","))
    except ValueError:
        raise typer.BadParameter(f"--shares {shares!r} must be numbers with commas, such as 1,1") from None
    run_plan(
        settings,
        Design(effect=effect, days=days, shares=weights, alpha=alpha, power=power),
        surface=surface,
        rate=rate,
        readers_a_day=readers_a_day,
        tail=tail,
        file=picture,
        as_json=json,
    )


@app.command()
def replay(settings: SettingsOption = _HERE) -> None:
    """Read again every landed file that has rows set aside, after a mapping, rate or registry file was mended."""
    from askwell.run import replay_quarantine

    replay_quarantine(settings)


@app.command()
def forget(
    reader: Annotated[
        str | None, typer.Argument(help="The reader's id as it is sent; asked for where it is absent.")
    ] = None,
    only_this_id: Annotated[
        bool, typer.Option("--only-this-id", help="Leave other ids that are linked to the same person.")
    ] = False,
    receipt: Annotated[
        Path | None, typer.Option(help="Write the receipt to this file; it does not name the reader.")
    ] = None,
    settings: SettingsOption = _HERE,
    json: JsonOption = False,
) -> None:
    """Take every row of a reader out of the warehouse, refuse those that come later, and publish again."""
    from askwell.forget import forget as forget_one

    forget_one(settings, reader, only_this_id=only_this_id, receipt=receipt, as_json=json)


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="Arm totals of past tests: CSV, Parquet or xlsx, one row a wording.")],
    columns: Annotated[
        list[str] | None, typer.Option("--columns", help="Pairs ours=theirs, as in test_id=Test,readers=Seen.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the import; a second one of it takes its place.")] = None,
    settings: SettingsOption = _HERE,
    json: JsonOption = False,
) -> None:
    """Take in tests that ended before Askwell, so that evidence on wording starts with a history."""
    from askwell.import_past import import_past

    import_past(settings, file, columns or (), name, as_json=json)


@app.command()
def query(
    sql: Annotated[str | None, typer.Argument(help="One SQL statement on the published database, read-only.")] = None,
    settings: SettingsOption = _HERE,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    json: JsonOption = False,
    parquet: Annotated[Path | None, typer.Option("--parquet", help="Write the result to this Parquet file.")] = None,
    edition: Annotated[
        int | None, typer.Option("--edition", help="Ask an earlier edition, as long as its events are kept.")
    ] = None,
    from_report: Annotated[
        str | None, typer.Option("--from-report", help="Run the query that a page shows under this id.")
    ] = None,
) -> None:
    """Ask the published database."""
    from askwell.query import query_of_report, run_query

    if (sql is None) == (from_report is None):
        raise typer.BadParameter("give one of the two: a statement, or --from-report with an id")
    sql = sql or query_of_report(from_report or "", settings)
    run_query(sql, settings, as_csv=csv, as_json=json, parquet=parquet, edition=edition)


@app.command()
def brief(
    settings: SettingsOption = _HERE,
    send: Annotated[
        bool, typer.Option("--send", help="Send it to everybody in [delivery] who has not had it.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="With --send: also to those who have, or may have, had it.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Write the brief of the last edition as mail, page and text; send it with --send."""
    from askwell.brief import run_brief

    run_brief(settings, send=send, again=again, as_json=json)


class ExportFormat(StrEnum):
    """How the tables of an extract are written."""

    CSV = "csv"
    PARQUET = "parquet"
    JSON = "json"


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="A new folder for the extract.")],
    settings: SettingsOption = _HERE,
    kind: Annotated[ExportFormat, typer.Option("--format", help="How the tables are written.")] = ExportFormat.CSV,
    json: JsonOption = False,
) -> None:
    """Write a shareable extract: results without reader rows, small cells left out."""
    from askwell.export import run_export

    run_export(folder, settings, kind=kind.value, as_json=json)


@app.command()
def doctor(
    settings: SettingsOption = _HERE,
    test_alarm: Annotated[
        bool, typer.Option("--test-alarm", help="Also send an alarm that says it is a test.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Look whether everything is in place that a run needs, and say what to do where it is not."""
    from askwell.doctor import run_doctor

    run_doctor(settings, as_json=json, test_alarm=test_alarm)


@app.command()
def wording(
    draft: Annotated[
        Path, typer.Argument(help="The draft as a text file; its parts after headline:, body:, button:, ...")
    ],
    settings: SettingsOption = _HERE,
    against: Annotated[
        Path | None,
        typer.Option("--against", help="The text that it would be tested against, as a file of the same form."),
    ] = None,
    surface: Annotated[
        str | None,
        typer.Option(
            "--surface", help="Where the draft shall stand, such as donation; that of most past tests without it."
        ),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option("--language", help="Language of the draft, such as en; that of most past texts without it."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Ask past tests about a draft: near texts, what its traits did, what to test."""
    from askwell.wording import run_wording

    run_wording(draft, settings, against=against, surface=surface, language=language, as_json=json)


@app.command()
def serve(
    settings: SettingsOption = _HERE,
    host: Annotated[
        str, typer.Option(help="Address to listen on; this machine only unless you say otherwise.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8420,
) -> None:
    """Show the report site on this machine."""
    from askwell.serve import serve_site

    serve_site(settings, host, port)


@app.command()
def analyze(
    file: Annotated[Path, typer.Argument(help="A table: CSV, Parquet or xlsx.")],
    variant: Annotated[str, typer.Option(help="Column of the variant that a reader was given.")],
    control: Annotated[str | None, typer.Option(help="Which value of that column is the control.")] = None,
    converted: Annotated[
        str | None, typer.Option(help="Column of conversions: 0 or 1 for a reader; a count in totals.")
    ] = None,
    value: Annotated[str | None, typer.Option(help="Column of money in major units, such as 12.50.")] = None,
    segment: Annotated[
        list[str] | None, typer.Option(help="Column that cuts readers into groups; may be given several times.")
    ] = None,
    balance: Annotated[
        list[str] | None,
        typer.Option(
            help="Column of numbers known before the test, to be alike in all groups; may be given several times."
        ),
    ] = None,
    readers: Annotated[
        str | None, typer.Option(help="Column that counts readers: the table has one row per variant.")
    ] = None,
    capped_value: Annotated[str | None, typer.Option(help="Column of totals whose gifts were capped already.")] = None,
    experiment: Annotated[str | None, typer.Option(help="Column that splits the file into tests.")] = None,
    shares: Annotated[
        str | None, typer.Option(help="Planned shares by value of the variant column, as in a=1,b=2; equal without it.")
    ] = None,
    metric: Annotated[DecidingMetric | None, typer.Option(help="What decides; value where the table has it.")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Full days that the table covers.")] = None,
    alpha: Annotated[float, typer.Option(min=0.0001, max=0.4999, help="1 less the level of the ranges.")] = 0.05,
    smallest_effect: Annotated[
        float | None, typer.Option(min=0.0001, max=9.9999, help="Smallest lift that matters: 0.1 is ten percent.")
    ] = None,
    cap: Annotated[float | None, typer.Option(min=0.01, help="Most that the value of one reader counts for.")] = None,
    currency: Annotated[
        str | None, typer.Option(help="ISO 4217 code of the money; without it numbers stay bare.")
    ] = None,
    unit: Annotated[
        CountedUnit | None,
        typer.Option(help="What was counted as one; views where the column of readers is called so."),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="Tell the comparison by this method, too, such as fieller; `all` for every one. May be given several times."
        ),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the page of the test to this HTML file.")] = None,
    json: JsonOption = False,
) -> None:
    """Compare the variants of a table that you already have."""
    from askwell.analyze import Options, run_analyze

    options = Options(
        variant=variant,
        control=control,
        converted=converted,
        value=value,
        readers=readers,
        experiment=experiment,
        capped_value=capped_value,
        segment=segment or (),
        balance=tuple(dict.fromkeys(balance or ())),
        shares=shares,
        metric=metric,
        days=days,
        alpha=alpha,
        smallest_effect=smallest_effect,
        cap=cap,
        currency=currency,
        unit=unit,
        methods=tuple(method or ()),
    )
    run_analyze(file, options, as_json=json, report=report)

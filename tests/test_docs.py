"""The documents say what is there: links lead somewhere, keys and commands exist, queries run, nothing names a machine."""

from __future__ import annotations

import datetime
import re
import subprocess
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, get_args

import duckdb
import pytest
import typer
from pydantic.fields import FieldInfo

from analysis.configuration import Section
from analysis.contract import CONTRACT
from analysis.database import open_database
from analysis.declarations import BUILT_IN, Declaration, Measure
from analysis.edition import draft, publish, write_decisions, write_estimates, write_statistics
from analysis.metrics import METRICS
from analysis.reader_rules import OwnReaderRules
from analysis.registry import (
    GUARDRAIL_METRICS,
    PRIMARY_METRICS,
    Allocation,
    Appeal,
    Experiment,
    Guardrail,
    Variant,
    read_experiment,
)
from analysis.settings import SettingsFile, read_settings
from analysis.validation import REASONS
from analysis.wording.lexicon import OwnTrait, built_in_traits
from askwell.cli import app
from askwell.contract_page import contract_page
from tests.builders import NOW, TestPublisher, appeal_event, cell, gift, pageview

ROOT = Path(__file__).resolve().parents[1]


def tracked_files() -> list[Path]:
    """Files that git knows: a user's own registry and settings are none of our business."""
    listing = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files"],
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode != 0:
        pytest.skip("this is no checkout of git")
    return [ROOT / name for name in listing.stdout.splitlines() if (ROOT / name).is_file()]


def documents() -> list[Path]:
    return [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(
        (ROOT / "docs").rglob("*.md")
    )


def named(file: Path) -> str:
    return str(file.relative_to(ROOT))


# -- links ------------------------------------------------------------------------------------------------------------


def anchors(document: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("document", documents(), ids=named)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), f"{named(document)} links to {target}"
        assert not anchor or anchor in anchors(file), f"{named(document)} links to {target}"


@pytest.mark.parametrize("document", documents(), ids=named)
def test_documents_that_are_named_exist(document: Path) -> None:
    for name in re.findall(r"\bdocs/[\w/.-]+\.md\b", document.read_text(encoding="utf-8")):
        assert (ROOT / name).exists(), f"{named(document)} names {name}"


def test_decisions_that_the_code_names_exist() -> None:
    known = {file.name[:4] for file in (ROOT / "docs" / "adr").glob("[0-9]*.md")}
    for package in ("analysis", "assets", "dashboards", "askwell"):
        for file in (ROOT / package).rglob("*.py"):
            for number in re.findall(r"docs/adr/(\d{4})", file.read_text(encoding="utf-8")):
                assert number in known, f"{named(file)} names ADR {number}"


def test_no_two_decisions_share_a_number() -> None:
    numbers = [file.name[:4] for file in (ROOT / "docs" / "adr").glob("[0-9]*.md")]
    assert len(set(numbers)) == len(numbers)


# -- contract and configuration -----------------------------------------------------------------------------------------


def test_the_contract_page_is_that_of_the_contract() -> None:
    assert (ROOT / "docs" / "contract.md").read_text(encoding="utf-8") == contract_page(), (
        "run: .venv/bin/python -m askwell.contract_page > docs/contract.md"
    )


def test_the_contract_page_names_every_column_and_reason() -> None:
    page = contract_page()
    for columns in CONTRACT.values():
        for column in columns:
            assert f"| `{column.name}` | {column.type} |" in page
    for reason, words in REASONS.items():
        assert f"| `{reason}` | {words} |" in page


def documented_keys() -> dict[str, dict[str, str]]:
    """Default by key, by heading of docs/configuration.md."""
    found: dict[str, dict[str, str]] = {}
    heading = ""
    for line in (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        elif row := re.match(r"\| `(\w+)` \| (.+?) \| .+\|$", line):
            found.setdefault(heading, {})[row[1]] = row[2]
    return found


def default_in_words(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    if field.default_factory is dict:
        return "`{}`"
    match field.default:
        case None:
            return "not set"
        case str() | Path() as text:
            return f'`"{text}"`'
        case tuple():
            return "`[]`"
        case dict() | Section():
            return "`{}`"
        case bool() as value:
            return f"`{str(value).lower()}`"
        case int() | float() | Decimal() | datetime.date() as value:
            return f"`{value}`"
    raise AssertionError(f"no words for the default {field.default!r}")


SETTINGS_SECTIONS = {
    name: next(
        kind
        for kind in (field.annotation, *get_args(field.annotation))
        if isinstance(kind, type) and issubclass(kind, Section)
    )
    for name, field in SettingsFile.model_fields.items()
}
SECTIONS: dict[str, type[Section]] = {
    **{f"[{name}]": section for name, section in SETTINGS_SECTIONS.items() if name not in ("metrics", "traits")},
    "[metrics.NAME]": Declaration,
    "[metrics.NAME.numerator]": Measure,
    "[traits.NAME]": OwnTrait,
    "Experiment": Experiment,
    "[[variants]]": Variant,
    "[variants.appeal]": Appeal,
    "[[guardrails]]": Guardrail,
    "[[allocation]]": Allocation,
    "[readers] of an experiment": OwnReaderRules,
}


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_key_is_documented_with_its_default(heading: str) -> None:
    expected = {name: default_in_words(field) for name, field in SECTIONS[heading].model_fields.items()}
    assert documented_keys().get(heading) == expected


def test_no_section_is_documented_that_is_not_there() -> None:
    assert set(documented_keys()) == set(SECTIONS)


def test_every_built_in_trait_of_wording_is_told() -> None:
    text = (ROOT / "docs" / "wording.md").read_text(encoding="utf-8")
    for trait in built_in_traits():
        assert f"| `{trait.id}` | {trait.name} |" in text, trait.id


def test_the_example_settings_can_be_used() -> None:
    assert read_settings(ROOT / "askwell.toml.example").publisher.name == "The Example Courier"


def test_what_the_example_settings_leave_out_are_the_defaults(tmp_path: Path) -> None:
    text = (ROOT / "askwell.toml.example").read_text(encoding="utf-8")
    used = tmp_path / "used.toml"
    used.write_text(re.sub(r"^# (\[|\w+ = )", r"\1", text, flags=re.MULTILINE), encoding="utf-8")
    (tmp_path / "fx_rates.csv").touch()
    (tmp_path / "logo.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>', encoding="utf-8")
    as_shipped, with_everything = read_settings(ROOT / "askwell.toml.example"), read_settings(used)
    assert with_everything.retention.grace_days == as_shipped.retention.grace_days
    # What nothing but its owner can know has no default to show.
    stated = {"monthly_retention": with_everything.outcomes.monthly_retention}
    assert with_everything.outcomes == as_shipped.outcomes.model_copy(update=stated)
    assert set(with_everything.metrics) == {"read_on"}
    assert set(with_everything.traits) == {"named_journalist"}
    shown = tomllib.loads(used.read_text(encoding="utf-8"))
    for name, section in SETTINGS_SECTIONS.items():
        keys = {key for one in shown[name].values() for key in one} if name == "sources" else set(shown[name])
        assert keys == set(section.model_fields) or name in ("metrics", "traits"), name


def test_the_example_experiment_can_be_used_and_is_not_active() -> None:
    example = ROOT / "experiments" / "example.toml.txt"
    assert read_experiment(example).id == "thanks-or-urgency"
    committed = [file for file in tracked_files() if file.parent == example.parent]
    assert committed == [example]


def test_the_readme_s_rows_are_rows_of_the_contract(publisher: TestPublisher) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    events, payments = (
        "\n".join(line.strip() for line in block.strip().splitlines()) + "\n"
        for block in re.findall(r"```\n(\s+\w+_id,.+?)```", readme, re.DOTALL)
    )
    (publisher.folder / "experiments" / "example.toml").write_text(
        (ROOT / "experiments" / "example.toml.txt").read_text(encoding="utf-8"), encoding="utf-8"
    )
    publisher.land("appeal_events", events.encode(), "events.csv")
    publisher.land("contributions", payments.encode(), "payments.csv")
    done = publisher.ingest()
    assert (done.received, done.accepted) == (2, 2)


def test_every_built_in_metric_is_told_with_its_role() -> None:
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    told = {row[0]: row[-1] for row in re.findall(r"^\| `(\w+)` \|.*\| (.+) \|$", text, re.MULTILINE)}
    assert set(told) == set(METRICS)
    for letter, names in (("P", PRIMARY_METRICS), ("G", GUARDRAIL_METRICS), ("S", BUILT_IN)):
        assert {name for name, role in told.items() if letter in re.findall(r"[A-Z]", role)} == set(names)


def test_the_worked_example_of_a_metric_is_counted_and_judged(publisher: TestPublisher) -> None:
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    declared, named = re.findall(r"```toml\n(.+?)```", text, re.DOTALL)
    publisher.settings_more = declared
    publisher.write_settings()
    publisher.register(more=named)
    publisher.land(
        "appeal_events",
        [
            appeal_event("10-05 12:00", "r", "thanks"),
            appeal_event("10-06 12:00", "r", "thanks", "registered"),
            appeal_event("10-05 12:00", "s", "thanks"),
            appeal_event("10-05 12:00", "t"),
            appeal_event("10-27 12:00", "closing"),
        ],
    )
    publisher.land(
        "pageviews",
        [
            pageview("10-06 12:00", "r", section="sport"),
            pageview("10-06 12:00", "r", section="world"),
            pageview("10-27 12:00", "closing", section="world"),
        ],
    )
    statistics = publisher.statistics().statistics
    signed = cell(statistics, "signed_up", "thanks")
    assert (signed["n"], signed["x"]) == (2, 1)
    sport = cell(statistics, "sport_share", "thanks")
    assert (sport["s1"], sport["d1"]) == (1.0, 2.0)


# -- commands -----------------------------------------------------------------------------------------------------------


def code_of(document: Path) -> Iterator[str]:
    """Lines of code blocks, and code in the text."""
    text = document.read_text(encoding="utf-8")
    for block in re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        yield from block.splitlines()
    yield from (line.strip() for line in text.splitlines() if line.startswith("    "))
    yield from re.findall(r"`([^`\n]+)`", text)


COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("document", documents(), ids=named)
def test_commands_that_are_named_exist(document: Path) -> None:
    for line in code_of(document):
        for target in re.findall(r"\bmake ([a-z]+)", line):
            assert target in TARGETS, f"{named(document)} names make {target}"
        for name, rest in re.findall(r"(?:^|\s|bin/)askwell ([a-z]+)\b([^\n]*)", line):
            assert name in COMMANDS, f"{named(document)} names askwell {name}"
            known = {option for parameter in COMMANDS[name].params for option in parameter.opts}
            for option in re.findall(r"(?<![\w-])(--[a-z-]+)", re.sub(r'"[^"]*"', "", rest)):
                assert option in known, f"{named(document)} names askwell {name} {option}"
        for module in re.findall(r"python -m ([a-z_.]+)", line):
            if module == "pytest":
                continue
            place = ROOT / module.replace(".", "/")
            assert place.with_suffix(".py").exists() or (place / "__main__.py").exists(), (
                f"{named(document)} names python -m {module}"
            )


def test_the_readme_tells_every_command_that_exists_or_is_planned() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    planned = re.search(r"do not exist: (.+)\.", readme)
    assert planned is None or not set(planned[1].split(", ")) & set(COMMANDS), (
        "a command exists that README calls planned"
    )
    told = "\n".join(document.read_text(encoding="utf-8") for document in documents())
    assert [name for name in COMMANDS if f"askwell {name}" not in told and f"make {name}" not in told] == []


def test_the_schedule_and_the_sensor_are_as_the_operations_page_says() -> None:
    import dagster as dg

    from assets.definitions import build_defs

    repository = build_defs().get_repository_def()
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    crons = {"0 6 * * *": "every day, 06:00", "30 4 * * 0": "Sundays, 04:30"}
    for schedule in repository.schedule_defs:
        assert f"| `{schedule.name}` | {crons[str(schedule.cron_schedule)]} |" in text
        assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    for sensor in repository.sensor_defs:
        assert f"| `{sensor.name}` | every {sensor.minimum_interval_seconds} seconds |" in text
        assert sensor.default_status == dg.DefaultSensorStatus.RUNNING


def test_every_check_of_the_pipeline_stands_on_the_operations_page() -> None:
    from assets.checks import CHECKS

    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    for check in CHECKS:
        for key in check.check_keys:
            blocks = "yes" if check.get_spec_for_check_key(key).blocking else "no"
            assert f"| `{key.name}` | `{key.asset_key.to_user_string()}` | {blocks} |" in text


# -- queries ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a publisher with 301 readers, gifts, a refund, a row set aside, and one edition."""
    made = TestPublisher(tmp_path_factory.mktemp("docs") / "publisher")
    made.register("thank-you-first")  # as in the demo, where the examples of the documents run as well
    asked = partial(appeal_event, experiment_id="thank-you-first")
    readers = [(number, ("current", "thanks")[number % 2]) for number in range(300)]
    made.land(
        "appeal_events",
        [
            asked(
                f"10-{2 + number % 8:02d} 12:00", f"r{number}", variant, event, device=("mobile", "desktop")[number % 2]
            )
            for number, variant in readers
            for event in ("inserted", "viewed")
        ]
        + [
            asked("10-20 12:00", "stranger", "no-such-variant"),
            asked("10-27 12:00", "last"),  # the newest event is the day counted to, and must lie after the refund
        ],
    )
    made.land("pageviews", [pageview(f"10-{2 + number % 8:02d} 11:59", f"r{number}") for number, _ in readers])
    gifts = [gift(f"10-{2 + number % 8:02d} 12:{number % 50 + 5}", f"r{number}") for number in range(0, 300, 7)]
    refund = gift("10-20 12:00", None, 400, refund_of=gifts[0]["contribution_id"])
    made.land("contributions", [*gifts, refund])
    made.statistics()
    warehouse, experiments = made.warehouse, made.experiments
    edition = draft(warehouse, experiments, NOW)
    with warehouse.writing():
        write_statistics(warehouse, experiments, edition)
        write_estimates(warehouse, experiments, edition)
        write_decisions(warehouse, experiments, edition)
        publish(warehouse, experiments, edition)
    return made.folder


@pytest.fixture
def connection(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_database(published / "askwell.duckdb") as opened:
        yield opened


def queries_of(name: str) -> list[str]:
    return re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / name).read_text(encoding="utf-8"), re.DOTALL)


def rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    return connection.sql(sql).pl().to_dicts()


def test_there_are_ten_questions_two_cuts_and_a_query_over_several_experiments() -> None:
    assert len(queries_of("analysts.md")) == 13


@pytest.mark.parametrize("number", range(13))
def test_the_analysts_queries_have_answers(connection: duckdb.DuckDBPyConnection, number: int) -> None:
    assert rows(connection, queries_of("analysts.md")[number])


def test_readers_counted_by_the_analysts_query_are_those_of_the_statistics(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    (query,) = [query for query in queries_of("analysts.md") if "JOIN published" in query]
    counted = rows(connection, query)
    assert {row["variant_id"] for row in counted} == {"current", "thanks"}
    for row in counted:
        assert (row["readers"], row["contributors"], row["value_minor"]) == (row["n"], row["x"], row["s1"])
    assert sum(row["value_minor"] for row in counted) == 43 * 1000 - 400


def test_the_analysts_python_runs(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "analysts.md").read_text(encoding="utf-8"), re.DOTALL
    )
    monkeypatch.chdir(published)
    names: dict[str, Any] = {}
    exec(compile(block, "docs/analysts.md", "exec"), names)  # noqa: S102 - our own document
    assert names["readers"].height == 43


def queries_after_askwell_query() -> list[tuple[str, str]]:
    """Every document that shows a query on the command line, with the query."""
    return [
        (named(document), sql)
        for document in documents()
        for line in code_of(document)
        for sql in re.findall(r'askwell query [^"`]*"([^"]+)"', line)
        if sql not in ("...", "…", "SQL")
    ]


def test_the_readme_shows_a_query() -> None:
    assert any(document == "README.md" for document, _ in queries_after_askwell_query())


@pytest.mark.parametrize(("document", "sql"), queries_after_askwell_query())
def test_queries_after_askwell_query_answer(document: str, sql: str, connection: duckdb.DuckDBPyConnection) -> None:
    assert connection.sql(sql).pl().columns, document


def test_the_one_line_questions_run(connection: duckdb.DuckDBPyConnection) -> None:
    text = (ROOT / "docs" / "analysts.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\| `(FROM [^`]+)`", text, re.MULTILINE)
    assert len(lines) == 10
    for sql in lines:
        connection.sql(sql).pl()


def test_every_table_of_the_database_is_told_of(connection: duckdb.DuckDBPyConnection) -> None:
    text = (ROOT / "docs" / "analysts.md").read_text(encoding="utf-8")
    tables = connection.execute("SELECT DISTINCT table_name FROM data_dictionary").fetchall()
    assert [name for (name,) in tables if f"`{name}`" not in text] == []


def test_names_work_qualified_after_attach_and_bare_after_use(published: Path) -> None:
    with duckdb.connect() as empty:
        empty.execute(f"ATTACH '{published / 'askwell.duckdb'}' AS askwell (READ_ONLY)").fetchall()
        assert empty.execute("SELECT count(*) FROM askwell.reader_outcomes").fetchall() == [(301,)]
        with pytest.raises(duckdb.CatalogException):
            empty.execute("SELECT count(*) FROM reader_outcomes").fetchall()
        empty.execute("USE askwell").fetchall()
        assert empty.execute("SELECT count(*) FROM reader_outcomes").fetchall() == [(301,)]


# -- nothing names a machine --------------------------------------------------------------------------------------------

#: Folders of somebody's machine, and where packages come from. Put together here, so that this file does not match.
OURS_ALONE = re.compile(
    "|".join(
        [
            *(rf"(?<![\w.])/{folder}/" for folder in ("wo" + "rk", "ro" + "ot", "ho" + r"me/\w+", "Us" + r"ers/\w+")),
            *("py" + r"pi\.org", "python" + r"hosted", "npm" + r"js\.org", "arti" + "factory", "index" + "-url"),
        ]
    )
)


def test_no_tracked_file_names_a_machine_or_a_registry() -> None:
    found = []
    for file in tracked_files():
        if "static" in file.parts or "vendor" in file.parts:  # other people's files, published unchanged
            continue
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{named(file)}: {match[0]}" for match in OURS_ALONE.finditer(text)]
    assert found == []


@pytest.mark.parametrize("line", ["cd /wo" + "rk/main", "https://py" + "pi.org/simple", "--index" + "-url x"])
def test_the_rule_sees_a_machine(line: str) -> None:
    assert OURS_ALONE.search(line)


@pytest.mark.parametrize("name", ["constraints.txt", "constraints-dev.txt"])
def test_the_pinned_dependencies_have_hashes_and_no_place(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    assert " @ " not in text
    blocks = re.split(r"^(?=[a-z0-9][\w.-]*==)", text, flags=re.MULTILINE)[1:]
    assert len(blocks) > 50
    assert [block.split("==")[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_both_lock_files_pin_the_same_versions() -> None:
    """The demo is made with one and tested with the other."""
    core, everything = (
        dict(re.findall(r"^([a-z0-9][\w.-]*)==([^\s\\;]+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))
        for name in ("constraints.txt", "constraints-dev.txt")
    )
    assert len(core) > 50
    assert {
        name: (version, everything.get(name)) for name, version in core.items() if everything.get(name) != version
    } == {}

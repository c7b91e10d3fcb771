"""The analysts' database: whole editions at any moment, every edition for ever, and macros that say what the report says."""

from __future__ import annotations

import math
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

from analysis.database import EventsGone, edition_file, events_gone, open_database
from analysis.edition import draft, publish, write_decisions, write_estimates, write_statistics
from analysis.errors import WarehouseError
from analysis.inference import estimates as inference
from analysis.inference import proportions, sequential
from analysis.published_tables import KEPT_FOR_EVER, MACROS
from analysis.registry import plans, shares
from analysis.result_tables import SUFFICIENT_STATISTICS
from analysis.wording.past_tests import read_past_tests
from analysis.wording.tables import PAST_ARMS
from tests.builders import NOW, TestPublisher, appeal_event, gift, pageview
from tests.test_architecture import ROOT
from tests.wording_builders import simulated_past

#: Another DuckDB than the one that writes, made by `make other-duckdb`; CI makes it.
OTHER_DUCKDB = ROOT / ".venv" / "duckdb-1.5"
#: One that is too old for the file, made by the same command.
OLD_DUCKDB = ROOT / ".venv" / "duckdb-1.4"
#: DuckDB's command-line client, made by the same command.
CLIENT = ROOT / ".venv" / "duckdb-cli" / "duckdb_cli" / "duckdb"


def published(publisher: TestPublisher, now: datetime = NOW) -> Path:
    publisher.statistics(now)
    warehouse, experiments = publisher.warehouse, publisher.experiments
    with warehouse.writing():
        edition = draft(warehouse, experiments, now)
        write_statistics(warehouse, experiments, edition)
        write_estimates(warehouse, experiments, edition)
        write_decisions(warehouse, experiments, edition)
        publish(warehouse, experiments, edition)
    return publisher.settings.folders.database


def land_readers(publisher: TestPublisher, readers: int = 400, experiment_id: str = "thanks") -> None:
    """Readers of both variants on both devices, new and returning; about a fifth of them gives, `thanks` more often."""
    publisher.land(
        "appeal_events",
        [
            appeal_event(
                f"10-{2 + number % 8:02d} 12:00",
                f"r{number}",
                ("current", "thanks")[number % 2],
                device=("mobile", "desktop")[number % 4 // 2],
                reader_type=("new", "returning")[number % 8 // 4],
                experiment_id=experiment_id,
            )
            for number in range(readers)
        ]
        + [appeal_event("10-27 12:00", "last", reader_type="subscriber"), appeal_event("10-27 12:00", None)],
    )
    publisher.land("pageviews", [pageview(f"10-{2 + number % 8:02d} 11:59", f"r{number}") for number in range(50)])
    publisher.land(
        "contributions",
        [
            gift(f"10-{3 + number % 8:02d} 11:00", f"r{number}", 300 + 70 * (number % 11))
            for number in range(readers)
            if number % 7 in ((0, 3) if number % 2 else (0,))
        ],
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> TestPublisher:
    """Two editions: one with all readers, one with a reader more; a history of wording, and a wording that people coded."""
    publisher = TestPublisher(tmp_path_factory.mktemp("database") / "publisher")
    publisher.register(more='covariates = ["device"]', tables="[variants.traits]\nurgency = false")
    history = publisher.folder / "history.parquet"
    simulated_past(70).arms.select(
        "test_id", "arm_id", "ended", "surface", "readers", "conversions", headline="text"
    ).write_parquet(history)
    with publisher.warehouse.writing():
        arms = read_past_tests(history).arms
        publisher.warehouse.replace([publisher.warehouse.write_frame(arms, PAST_ARMS, "history", inputs="1")])
    land_readers(publisher)
    published(publisher)
    publisher.land("appeal_events", [appeal_event("10-28 12:00", "late")])
    published(publisher)
    return publisher


@pytest.fixture
def database(made: TestPublisher) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_database(made.settings.folders.database) as connection:
        yield connection


def rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    return connection.sql(sql).pl().to_dicts()


# -- what stands in it --------------------------------------------------------------------------------------------------


def test_everything_published_says_what_it_means(database: duckdb.DuckDBPyConnection) -> None:
    silent = rows(database, "FROM data_dictionary WHERE table_meaning IS NULL OR column_meaning IS NULL")
    assert [(row["table_name"], row["column_name"]) for row in silent] == []
    assert rows(database, "FROM macros WHERE macro_meaning IS NULL") == []
    assert {row["macro_name"] for row in rows(database, "FROM macros")} == set(MACROS)


def test_the_tables_are_named_for_people(database: duckdb.DuckDBPyConnection) -> None:
    wanted = {
        "pageviews", "appeal_events", "contributions", "readers", "exposures", "reader_outcomes", "sufficient_statistics",
        "estimates", "decisions", "checks", "ledger", "appeals", "traits", "wording_effects", "fx_rates", "funnel", "variants",
        "experiments", "editions", "cohorts",
    }  # fmt: skip
    there = {row["table_name"] for row in rows(database, "SELECT DISTINCT table_name FROM data_dictionary")}
    assert wanted - there == set()
    for name in there:
        database.sql(f"SELECT * FROM {name} LIMIT 1").fetchall()


def test_a_table_of_the_histogram_is_not_published(database: duckdb.DuckDBPyConnection) -> None:
    """A cell of one reader would tell that reader's gift after the reader has been erased."""
    there = {row["table_name"] for row in rows(database, "SELECT DISTINCT table_name FROM data_dictionary")}
    assert there & {"outcome_changes", "cohort_cells", "pageview_cells"} == set()


def test_readers_and_appeals_count_what_was_landed(database: duckdb.DuckDBPyConnection) -> None:
    (sums,) = rows(
        database, "SELECT count(*) AS n, sum(pageviews)::INT AS seen, sum(payments)::INT AS paid FROM readers"
    )
    assert sums == {"n": 402, "seen": 50, "paid": len(rows(database, "FROM contributions"))}
    assert {row["headline"]: row["stood_as"] for row in rows(database, "FROM appeals")} == {
        "We need your help": ["thanks/current"],
        "Thank you for reading": ["thanks/thanks"],
    }


def test_the_traits_of_a_wording_are_those_of_its_text(database: duckdb.DuckDBPyConnection) -> None:
    told = rows(database, "SELECT variant_id, value, coded_by FROM traits WHERE trait = 'length' ORDER BY variant_id")
    assert [(row["variant_id"], row["value"]) for row in told] == [("current", 0.5), ("thanks", 0.5)]
    assert {row["coded_by"] for row in told} == {"rules"}
    assert rows(database, "SELECT DISTINCT trait FROM wording_effects EXCEPT SELECT trait FROM traits") == []


# -- editions -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", [table.name for table in KEPT_FOR_EVER])
def test_every_edition_answers_for_ever(made: TestPublisher, database: duckdb.DuckDBPyConnection, table: str) -> None:
    told = [{"edition": 1}, {"edition": 2}]
    assert rows(database, f"SELECT DISTINCT edition FROM {table}_by_edition ORDER BY 1") == told
    now = database.sql(f"FROM {table}").pl()
    assert database.sql(f"SELECT * EXCLUDE (edition) FROM {table}_by_edition WHERE edition = 2").pl().equals(now)
    as_of = database.sql(f"SELECT * EXCLUDE (edition) FROM {table}_as_of(DATE '2026-10-27')").pl()
    with open_database(edition_file(made.warehouse, 1)) as older:
        assert as_of.equals(older.sql(f"FROM {table}").pl())
    assert rows(database, f"FROM {table}_as_of(DATE '2026-09-01')") == []


def test_as_of_names_the_edition_in_force(database: duckdb.DuckDBPyConnection) -> None:
    assert [row["edition"] for row in rows(database, "FROM as_of(DATE '2026-10-27')")] == [1]
    assert [row["edition"] for row in rows(database, "FROM as_of(DATE '2027-01-01')")] == [2]


def test_event_views_of_an_older_edition_answer_inside_the_grace_period(publisher: TestPublisher) -> None:
    land_readers(publisher, 20)
    published(publisher)
    # The same path with another content: the parts of the first are retired.
    path = next((publisher.folder / "landing" / "appeal_events").rglob("*.ndjson"))
    path.write_text("\n".join(path.read_text().splitlines()[5:]), encoding="utf-8")
    published(publisher)
    count = "SELECT count(*) FROM appeal_events"
    with open_database(edition_file(publisher.warehouse, 1)) as older:
        assert older.sql(count).fetchall() == [(22,)]
    with open_database(publisher.settings.folders.database) as newest:
        assert newest.sql(count).fetchall() == [(17,)]


def test_when_its_event_files_are_gone_an_old_edition_says_so(publisher: TestPublisher) -> None:
    land_readers(publisher, 20)
    published(publisher)
    file = edition_file(publisher.warehouse, 1)
    for part in publisher.warehouse.parts("appeal_events"):
        part.path.unlink()
    with open_database(file) as older:
        with pytest.raises(duckdb.Error) as caught:
            older.sql("SELECT count(*) FROM appeal_events").fetchall()
        plain = events_gone(caught.value)
        assert isinstance(plain, EventsGone)
        assert "grace period is over" in str(plain)
        assert len(older.sql("FROM decisions").fetchall()) == 1


def test_the_file_of_an_edition_goes_with_its_grace_period_and_its_tables_stay(publisher: TestPublisher) -> None:
    land_readers(publisher, 20)
    long_ago = datetime.now(UTC) - timedelta(days=60)
    published(publisher, NOW)
    with publisher.warehouse.writing():
        entry = publisher.warehouse.editions()[0]
        publisher.warehouse.record_edition(entry.number, entry.as_of, entry.inputs, long_ago)
        publisher.warehouse.record_edition(2, entry.as_of, "other", long_ago)
        publisher.warehouse.keep_edition_file(2, publisher.settings.folders.database)
    with pytest.raises(WarehouseError, match=r"The file of edition 1 is gone.*estimates_by_edition WHERE edition = 1"):
        edition_file(publisher.warehouse, 1)
    with pytest.raises(WarehouseError, match="There is no edition 9"):
        edition_file(publisher.warehouse, 9)


# -- readers and writer at once -----------------------------------------------------------------------------------------

READER = textwrap.dedent("""
    import sys, time
    import duckdb
    end, seen, reads = time.monotonic() + 300, set(), 0
    while time.monotonic() < end:
        with duckdb.connect(sys.argv[1], read_only=True) as connection:
            number, events, known, kept = connection.sql(
                "SELECT (SELECT max(edition) FROM editions), (SELECT count(*) FROM appeal_events), "
                "(SELECT sum(rows) FROM rows_per_day WHERE kind = 'appeal_events'), "
                "(SELECT max(edition) FROM decisions_by_edition)"
            ).fetchall()[0]
        assert events == known and number == kept, (number, events, known, kept)
        seen.add(number)
        reads += 1
        if number >= int(sys.argv[2]):
            break
        time.sleep(0.3)
    print(duckdb.__version__, reads, sorted(seen))
    assert max(seen) >= int(sys.argv[2])
""")


@pytest.mark.slow
def test_sixteen_analysts_read_whole_editions_while_the_pipeline_writes(
    publisher: TestPublisher, tmp_path: Path
) -> None:
    publisher.land("appeal_events", [appeal_event("10-05 12:00", f"r{number}") for number in range(20)])
    file = published(publisher)
    environment = {"PYTHONPATH": str(OTHER_DUCKDB)} if OTHER_DUCKDB.is_dir() else {}
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER, str(file), "4"],
            cwd=tmp_path,
            env=environment if number % 2 else {},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(16)
    ]
    for number in range(3):
        publisher.land("appeal_events", [appeal_event("10-26 12:00", f"more{number}")])
        published(publisher)
    said = []
    for process in readers:
        out, errors = process.communicate(timeout=400)
        assert process.returncode == 0, errors
        said.append(out.split()[0])
    assert len(set(said)) == (2 if OTHER_DUCKDB.is_dir() else 1)


def test_the_other_duckdb_gives_the_same_answers(made: TestPublisher, tmp_path: Path) -> None:
    if not OTHER_DUCKDB.is_dir():
        pytest.skip("no second DuckDB here; `make other-duckdb` makes it")
    asked = ["SELECT count(*), sum(value_minor) FROM reader_outcomes", "FROM lift('thanks', metric := 'conversion')",
             "FROM compare('thanks', device := 'mobile')", "FROM daily('thanks')", "FROM as_of(DATE '2026-10-27')"]  # fmt: skip
    code = (
        "import sys, duckdb; c = duckdb.connect(sys.argv[1], read_only=True); print(duckdb.__version__)\n"
        "for sql in sys.argv[2:]: print(c.sql(sql).fetchall())"
    )
    file = str(made.settings.folders.database)
    answers = [
        subprocess.run(
            [sys.executable, "-c", code, file, *asked], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        for environment in ({}, {"PYTHONPATH": str(OTHER_DUCKDB)})
    ]  # fmt: skip
    assert answers[0][0] != answers[1][0]
    assert answers[0][1:] == answers[1][1:]


def test_the_command_line_client_answers_from_any_folder_while_the_pipeline_publishes(
    publisher: TestPublisher, tmp_path: Path
) -> None:
    if not CLIENT.exists():
        pytest.skip("no command-line client here; `make other-duckdb` makes it")
    land_readers(publisher, 60)
    file = published(publisher)
    asked = "SELECT count(*) FROM appeal_events; SELECT n FROM lift('thanks', metric := 'conversion');"
    client = [str(CLIENT), "-readonly", "-csv", "-noheader", str(file)]
    with subprocess.Popen(client, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as kept_open:
        assert kept_open.stdin is not None
        assert kept_open.stdout is not None
        kept_open.stdin.write("SELECT max(edition) FROM editions;\n")
        kept_open.stdin.flush()
        assert kept_open.stdout.readline().strip() == "1"
        publisher.land("appeal_events", [appeal_event("10-28 12:00", "late", "thanks")])
        published(publisher)
        older, _ = kept_open.communicate(asked)
    newer = subprocess.run([*client, asked], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert older.split() == ["62", "30"], "what is open stays a whole edition"
    assert newer.split() == ["63", "31"]


def test_a_duckdb_that_is_too_old_is_refused_by_itself_and_by_us_in_a_sentence(made: TestPublisher) -> None:
    if not OLD_DUCKDB.is_dir():
        pytest.skip("no old DuckDB here; `make other-duckdb` makes it")
    file = made.settings.folders.database
    code = textwrap.dedent("""
        import sys
        from pathlib import Path
        import duckdb
        from analysis.database import open_database
        from analysis.errors import WarehouseError
        try:
            duckdb.connect(sys.argv[1], read_only=True)
        except duckdb.IOException as refused:
            print(str(refused).splitlines()[0])
        try:
            open_database(Path(sys.argv[1]))
        except WarehouseError as said:
            print(said)
    """)
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)],
        cwd=ROOT, env={"PYTHONPATH": str(OLD_DUCKDB)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    own, ours = done.stdout.splitlines()
    assert "we can only read versions" in own
    assert ours.startswith(f"{file} needs DuckDB 1.5 or newer, this is 1.4.")


# -- macros say what the report says ------------------------------------------------------------------------------------


def close(value: float | None, other: float | None) -> bool:
    if value is None or other is None:
        return value is other
    return value == pytest.approx(other, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("metric", ["conversion", "value", "value_uncapped"])
@pytest.mark.parametrize(
    ("kind", "segment"),
    [("all", "all"), ("device", "mobile"), ("device", "desktop"), ("reader_type", "new"), ("reader_type", "returning")],
)
def test_compare_gives_the_digits_of_the_report(
    database: duckdb.DuckDBPyConnection, metric: str, kind: str, segment: str
) -> None:
    cut = "" if kind == "all" else f", {kind} := '{segment}'"
    (found,) = rows(database, f"FROM compare('thanks', metric := '{metric}'{cut})")
    (told,) = rows(
        database,
        f"FROM estimates WHERE metric = '{metric}' AND basis = 'exposed' AND segment_kind = '{kind}' "
        f"AND ('{kind}' = 'all' OR segment = '{segment}') AND as_of = (SELECT max(as_of) FROM estimates)",
    )
    for mine, theirs in {"low": "anytime_low", "high": "anytime_high"}.items():
        assert close(found[mine], told[theirs]), (mine, found, told)
    for name in ("n_control", "n", "x_control", "x", "mean_control", "mean", "lift", "e_value"):
        assert close(found[name], told[name]), (name, found[name], told[name])
    assert (found["reason"] is None) == (told["reason"] is None)


@pytest.mark.parametrize("metric", ["conversion", "value"])
@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ("device := 'mobile', from_day := DATE '2026-10-04'", "device = 'mobile' AND first_day >= DATE '2026-10-04'"),
        ("to_day := DATE '2026-10-07'", "first_day <= DATE '2026-10-07'"),
        (
            "reader_type := 'returning', from_day := DATE '2026-10-03', to_day := DATE '2026-10-08'",
            "reader_type = 'returning' AND first_day BETWEEN DATE '2026-10-03' AND DATE '2026-10-08'",
        ),
    ],
)
def test_compare_gives_the_digits_of_the_inference_at_a_cut_that_no_report_makes(
    made: TestPublisher, database: duckdb.DuckDBPyConnection, metric: str, arguments: str, where: str
) -> None:
    (found,) = rows(database, f"FROM compare('thanks', metric := '{metric}', {arguments})")
    amount = "value_minor" if metric == "value" else "is_converted::INTEGER"
    sums = database.sql(
        f"SELECT variant_id, count(*) AS n, count_if(is_converted) AS x, sum({amount})::DOUBLE AS s1, "
        f"sum({amount} * {amount})::DOUBLE AS s2, max({amount})::DOUBLE AS top "
        f"FROM reader_outcomes WHERE {where} GROUP BY variant_id"
    ).pl()
    statistics = sums.select(
        pl.lit("thanks").alias("experiment_id"), pl.date(2026, 10, 28).alias("as_of"), pl.lit("exposed").alias("basis"),
        pl.lit("device").alias("segment_kind"), pl.lit("mobile").alias("segment"), pl.lit(metric).alias("metric"),
        pl.lit(0, pl.Int64).alias("epoch"), "variant_id", "n", "x", "s1", "s2", "top",
    )  # fmt: skip
    statistics = statistics.select(
        (pl.col(name) if name in statistics.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in SUFFICIENT_STATISTICS.schema.items()
    )
    experiments = made.experiments
    told = inference.estimate(statistics, plans(experiments), shares(experiments, made.settings.zone)).row(
        0, named=True
    )
    assert found["n"] == told["n"] < 200
    for mine, theirs in {"lift": "lift", "low": "anytime_low", "high": "anytime_high", "e_value": "e_value"}.items():
        assert close(found[mine], told[theirs]), (mine, found, told)


#: The macros of one experiment.
PER_EXPERIMENT = ("compare", "compare_readers", "lift", "conversion", "value_per_1000", "funnel", "daily")


@pytest.fixture(scope="module")
def two_experiments(tmp_path_factory: pytest.TempPathFactory) -> TestPublisher:
    """Two experiments over half of the readers each, and the first readers in both."""
    publisher = TestPublisher(tmp_path_factory.mktemp("two") / "publisher")
    publisher.register()
    publisher.register("urgency")
    land_readers(publisher, 200)
    publisher.land(
        "appeal_events",
        [
            appeal_event(f"10-{2 + number % 8:02d} 13:00", f"r{number}", variant, experiment_id="urgency")
            for number, variant in ((number, ("current", "thanks")[number % 3 % 2]) for number in range(120))
        ],
    )
    published(publisher)
    return publisher


@pytest.mark.parametrize("macro", PER_EXPERIMENT)
@pytest.mark.parametrize("called", ["e", "a", "o", "r", "wanted", "tests"])
def test_a_macro_answers_for_many_experiments_whatever_the_caller_calls_them(
    two_experiments: TestPublisher, macro: str, called: str
) -> None:
    """A column given as an argument once met a table of that name inside the macro: every experiment gave the rows of all."""
    with open_database(two_experiments.settings.folders.database) as database:
        alone = [
            {"id": experiment, **row}
            for experiment in ("thanks", "urgency")
            for row in rows(database, f"FROM {macro}('{experiment}')")
        ]
        for argument in (f"{called}.experiment_id", "experiment_id"):
            together = rows(
                database,
                f"SELECT {called}.experiment_id AS id, m.* FROM experiments AS {called}, {macro}({argument}) AS m",
            )
            assert sorted(map(repr, together)) == sorted(map(repr, alone))
    assert {row["id"] for row in alone} == {"thanks", "urgency"}


def test_compare_refuses_a_metric_that_readers_do_not_have(database: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.Error, match="metric must be conversion, value, value_uncapped or value_annualised"):
        database.sql("FROM compare('thanks', metric := 'clicks')").fetchall()


def test_lift_says_the_range_of_a_registered_end_where_there_is_one(publisher: TestPublisher) -> None:
    publisher.register(more='primary_metric = "conversion"\nguarantee = "planned"\nplanned_information = 40.0')
    land_readers(publisher)
    with open_database(published(publisher)) as database:
        (found,) = rows(database, "FROM lift('thanks', metric := 'conversion')")
        (told,) = rows(
            database,
            "FROM estimates WHERE metric = 'conversion' AND basis = 'exposed' AND segment_kind = 'all' "
            "QUALIFY as_of = max(as_of) OVER ()",
        )
        assert (found["low"], found["high"], found["guarantee"]) == (
            told["planned_low"],
            told["planned_high"],
            "planned",
        )
        assert found["low"] != told["anytime_low"]
        (other,) = rows(database, "FROM lift('thanks', metric := 'value')")
        assert other["guarantee"] == "anytime"


def test_the_short_macros_repeat_the_tables(database: duckdb.DuckDBPyConnection) -> None:
    last = "basis = 'exposed' AND segment_kind = 'all' AND as_of = (SELECT max(as_of) FROM estimates)"
    (told,) = rows(database, f"FROM estimates WHERE metric = 'value' AND {last}")
    (found,) = rows(database, "FROM lift('thanks')")
    assert (found["lift"], found["low"], found["high"], found["e_value"]) == (
        told["lift"], told["anytime_low"], told["anytime_high"], told["e_value"],
    )  # fmt: skip
    by_variant = {row["variant_id"]: row for row in rows(database, "FROM value_per_1000('thanks')")}
    assert by_variant["thanks"]["difference_minor"] == told["difference_per_1000"]
    assert by_variant["current"]["value_per_1000_minor"] == told["mean_control"] * 1000
    assert len(rows(database, "FROM value_per_1000('thanks', rule := 'annualised')")) == 2
    results = rows(database, f"FROM variant_results WHERE metric = 'conversion' AND {last} ORDER BY variant_id")
    for row, other in zip(rows(database, "FROM conversion('thanks')"), results, strict=True):
        assert close(row["low"], other["rate_low"] * 100_000)
        assert close(row["high"], other["rate_high"] * 100_000)
    assert {row["segment"] for row in rows(database, "FROM conversion('thanks', by := 'device')")} == {
        "mobile",
        "desktop",
    }


def test_daily_adds_up_to_the_totals_and_the_funnel_starts_with_everybody(database: duckdb.DuckDBPyConnection) -> None:
    (sums,) = rows(
        database, "SELECT sum(readers)::INT AS n, sum(contributors)::INT AS x, sum(value_minor)::INT AS s1 FROM daily('thanks')"
    )  # fmt: skip
    (told,) = rows(
        database,
        "SELECT count(*) AS n, count_if(is_converted) AS x, sum(value_minor)::INT AS s1 FROM reader_outcomes",
    )
    assert sums == told
    steps = rows(database, "FROM funnel('thanks')")
    assert all(row["share_of_asked"] == 1 for row in steps if row["step"] == "inserted")


@pytest.mark.parametrize(("share", "effect"), [(0.5, None), (0.2, 0.1)])
def test_the_closed_forms_agree_with_the_inference(
    database: duckdb.DuckDBPyConnection, share: float, effect: float | None
) -> None:
    pairs = [(a, b) for a in (0, 1, 7, 480, 120_000) for b in (0, 2, 9, 555, 118_500)]
    xa, xb = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
    prior = sequential.OUTCOME_PRIOR if effect is None else sequential.registered_prior(effect)
    told = sequential.conversion(xa, xb, np.full(25, share), sequential.Priors.same(prior, 25), 0.05)
    rate_low, rate_high = proportions.wilson(xb, 200_000)[0], proportions.wilson(xb, 200_000, 0.1)[1]
    arguments = f"a, b, share := {share}, smallest_effect := {'NULL' if effect is None else effect}"
    database.register("pairs", pl.DataFrame(pairs, schema=["a", "b"], orient="row").to_arrow())
    found = rows(
        database,
        f"SELECT a, b, conversion_log_e({arguments}) AS log_e, 1 + conversion_anytime_low({arguments}) AS low, "
        f"1 + conversion_anytime_high({arguments}) AS high, wilson_low(b, 200000) AS rate_low, "
        "wilson_high(b, 200000, level := 0.9) AS rate_high FROM pairs ORDER BY a, b",
    )
    for number, row in enumerate(found):
        assert row["log_e"] == pytest.approx(told.log_e[number], rel=1e-8, abs=1e-8)
        assert row["rate_low"] == pytest.approx(rate_low[number], rel=1e-12, abs=1e-15)
        assert row["rate_high"] == pytest.approx(rate_high[number], rel=1e-12, abs=1e-15)
        for name, limit in (("low", told.low[number]), ("high", told.high[number])):
            if np.isinf(limit):
                assert row[name] is None
            elif abs(limit) < 15:
                assert math.log(row[name]) == pytest.approx(limit, rel=1e-8, abs=1e-8)
            else:  # a ratio beyond a million
                assert row[name] < 1e-6 or row[name] > 1e6


@pytest.mark.parametrize(
    ("p", "told"), [(0.975, 1.959963984540054), (0.5, 0.0), (1e-9, -5.9978070150076865), (1e-40, -13.310921)]
)
def test_normal_quantile(database: duckdb.DuckDBPyConnection, p: float, told: float) -> None:
    """Told by R's qnorm, which is the same algorithm, to the digits given."""
    assert database.sql(f"SELECT normal_quantile({p!r}::DOUBLE)").fetchall()[0][0] == pytest.approx(
        told, abs=1e-6 if p < 1e-30 else 1e-14
    )


@pytest.mark.parametrize("guardrail", [True, False])
def test_the_mixture_of_means_has_the_priors_of_the_inference(
    database: duckdb.DuckDBPyConnection, guardrail: bool
) -> None:
    prior = sequential.GUARDRAIL_PRIOR if guardrail else sequential.OUTCOME_PRIOR
    told = sequential.normal_mixture([0.07], [0.02], sequential.Priors.same(prior, 1), 0.1)
    arguments = f"0.07, 0.02, is_guardrail := {guardrail}"
    (found,) = rows(
        database,
        f"SELECT mean_log_e({arguments}) AS log_e, ln(1 + mean_anytime_low({arguments}, level := 0.9)) AS low, "
        f"ln(1 + mean_anytime_high({arguments}, level := 0.9)) AS high",
    )
    assert (found["log_e"], found["low"], found["high"]) == pytest.approx((told.log_e[0], told.low[0], told.high[0]))

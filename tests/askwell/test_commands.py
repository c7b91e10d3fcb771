"""The commands as a person uses them: what they print, how they leave, and no traceback for a mistake."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from tests.builders import TestPublisher

ASKWELL = Path(sys.executable).with_name("askwell")


def askwell(*arguments: object, cwd: Path, ok: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "DAGSTER_HOME"}
    done = subprocess.run(
        [ASKWELL, *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    if ok:
        assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished demo of the smallest size."""
    folder = tmp_path_factory.mktemp("demo")
    done = askwell("demo", "--folder", folder / "made", "--size", "tiny", cwd=folder)
    (folder / "output.txt").write_text(done.stdout, encoding="utf-8")
    return folder / "made"


@pytest.mark.slow
def test_the_demo_prints_both_paths_and_three_verdicts_in_the_words_of_their_pages(demo: Path) -> None:
    import html

    output = (demo.parent / "output.txt").read_text(encoding="utf-8")
    assert "made/site/index.html" in output
    assert "made/askwell.duckdb" in output
    pages = [html.unescape(page.read_text(encoding="utf-8")) for page in (demo / "site" / "experiments").glob("*.html")]
    told = [block.splitlines() for block in output.strip().split("\n\n")[:-1]]
    assert len(told) == 3
    for headline, money, advice in told:
        badge, words = headline.split(": ", 1)
        assert any(
            badge in page and words in page and money.strip() in page and advice.strip() in page for page in pages
        ), words


@pytest.mark.slow
def test_everything_of_the_demo_lies_in_its_folder(demo: Path) -> None:
    assert sorted(path.name for path in demo.parent.iterdir()) == ["made", "output.txt"]


@pytest.mark.slow
def test_the_demo_works_a_second_time_and_changes_nothing(demo: Path) -> None:
    index = demo / "site" / "index.html"
    before = index.read_bytes()
    askwell("demo", "--folder", demo, "--size", "tiny", cwd=demo.parent)
    assert index.read_bytes() == before


def test_the_demo_does_not_fill_a_folder_of_somebodys_own(publisher: TestPublisher) -> None:
    done = askwell("demo", "--folder", publisher.folder, cwd=publisher.folder, ok=False)
    assert done.returncode == 1
    assert "choose another --folder" in done.stderr


@pytest.mark.slow
def test_query_answers_as_table_csv_json_and_parquet(demo: Path, tmp_path: Path) -> None:
    sql = "SELECT kind, sum(received) AS received FROM ledger GROUP BY kind ORDER BY kind"
    table = askwell("query", sql, cwd=demo).stdout
    assert "appeal_events" in table
    rows = json.loads(askwell("query", sql, "--json", cwd=demo).stdout)
    assert [row["kind"] for row in rows] == ["appeal_events", "contributions", "pageviews"]
    assert all(isinstance(row["received"], int) for row in rows)
    csv = askwell("query", sql, "--csv", cwd=demo).stdout.splitlines()
    assert csv[0] == "kind,received"
    assert csv[1] == f"appeal_events,{rows[0]['received']}"
    askwell("query", sql, "--parquet", tmp_path / "x.parquet", cwd=demo)
    assert pl.read_parquet(tmp_path / "x.parquet").height == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "sql", ["SELEC 1", "SELECT * FROM nowhere", "DROP TABLE estimates", "UPDATE ledger SET received = 0"]
)
def test_a_query_that_cannot_run_is_answered_in_a_sentence(demo: Path, sql: str) -> None:
    done = askwell("query", sql, cwd=demo, ok=False)
    assert done.returncode == 1
    assert done.stderr.startswith("The query cannot be run")


def test_without_settings_every_command_says_so(tmp_path: Path) -> None:
    for command in (["run"], ["check"], ["query", "SELECT 1"], ["serve"], ["replay"]):
        done = askwell(*command, cwd=tmp_path, ok=False)
        assert done.returncode == 1
        assert "askwell.toml cannot be used" in done.stderr
        assert "does not exist" in done.stderr


def test_before_the_first_edition_commands_say_what_to_do(publisher: TestPublisher) -> None:
    for command in (["query", "SELECT 1"], ["serve"], ["run"]):
        done = askwell(*command, cwd=publisher.folder, ok=False)
        assert done.returncode == 1
        assert "run" in done.stderr


def test_wrong_usage_leaves_with_two(tmp_path: Path) -> None:
    assert askwell("run", "--nonsense", cwd=tmp_path, ok=False).returncode == 2
    assert askwell("nonsense", cwd=tmp_path, ok=False).returncode == 2
    assert askwell("demo", "--size", "huge", cwd=tmp_path, ok=False).returncode == 2


def test_check_says_what_would_be_ingested_and_refused(publisher: TestPublisher) -> None:
    from tests.builders import appeal_event, gift

    publisher.land(
        "appeal_events", [appeal_event("10-05 12:00", "r"), appeal_event("10-05 12:00", "s", "nobody")], "a.ndjson"
    )
    publisher.land("contributions", [gift("10-05 12:00", "r", currency="XXQ")], "b.csv")
    publisher.land("pageviews", b"", "\x1b[31mempty.parquet")
    publisher.land("pageviews", b"?", "notes.txt")
    text = askwell("check", cwd=publisher.folder).stdout
    assert "3 file(s) would be ingested" in text
    assert "2 rows, set aside: 1 x the experiment is registered, and this variant is not one of its variants" in text
    assert "1 x the currency is no iso 4217 code" in text
    assert "the file is empty (0 bytes)" in text
    assert "notes.txt: no rule covers it" in text
    assert "\x1b[31m" not in text, "a file name must not colour the terminal"
    as_json = json.loads(askwell("check", "--json", cwd=publisher.folder).stdout)
    by_kind = {file["kind"]: file for file in as_json["files"] if "refused" in file}
    assert by_kind["appeal_events"]["refused"] == {"unknown_variant": 1}
    assert not publisher.warehouse.exists(), "check changes nothing"


def test_check_collects_every_mistake_and_leaves_with_one(publisher: TestPublisher) -> None:
    publisher.register(more="alhpa = 0.05")
    (publisher.folder / "experiments" / "other.toml").write_text("id = 'x'", encoding="utf-8")
    done = askwell("check", cwd=publisher.folder, ok=False)
    assert done.returncode == 1
    assert "alhpa = 0.05: unknown key" in done.stdout
    assert "other.toml cannot be used" in done.stdout
    assert "2 file(s) cannot be used" in done.stderr


@pytest.mark.slow
def test_run_publishes_and_replay_brings_back_what_was_mended(publisher: TestPublisher) -> None:
    from tests.builders import appeal_event

    publisher.land("appeal_events", [appeal_event("10-05 12:00", "r"), appeal_event("10-05 12:00", "s", "third")])
    answer = json.loads(askwell("run", "--json", cwd=publisher.folder).stdout)
    assert answer["edition"] == 1
    assert Path(answer["site"]).exists()
    path = publisher.folder / "experiments" / "thanks.toml"
    path.write_text(
        path.read_text() + '\n[[variants]]\nid = "third"\nappeal = { headline = "New" }\n', encoding="utf-8"
    )
    assert "2 rows accepted, 0 still set aside" in askwell("replay", cwd=publisher.folder).stdout
    assert json.loads(askwell("run", "--json", cwd=publisher.folder).stdout)["edition"] == 2


@pytest.mark.slow
def test_publish_only_heals_a_moved_warehouse(publisher: TestPublisher) -> None:
    from tests.builders import appeal_event

    publisher.land("appeal_events", [appeal_event("10-05 12:00", "r")])
    askwell("run", cwd=publisher.folder)
    moved = publisher.folder.parent / "moved"
    publisher.folder.rename(moved)
    assert askwell("query", "SELECT count(*) FROM appeal_events", cwd=moved, ok=False).returncode == 1
    askwell("run", "--publish-only", cwd=moved)
    assert "1" in askwell("query", "SELECT count(*) AS n FROM appeal_events", "--csv", cwd=moved).stdout


@pytest.mark.slow
def test_a_registry_with_a_typo_stops_the_run_with_its_sentence(publisher: TestPublisher) -> None:
    from tests.builders import appeal_event

    publisher.land("appeal_events", [appeal_event("10-05 12:00", "r")])
    publisher.register(more="alhpa = 0.05")
    done = askwell("run", cwd=publisher.folder, ok=False)
    assert done.returncode == 1
    assert "alhpa = 0.05: unknown key" in done.stderr


@pytest.fixture
def server(demo: Path) -> Iterator[http.client.HTTPConnection]:
    process = subprocess.Popen(
        [ASKWELL, "serve", "--port", "0"],
        cwd=demo,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    address = process.stdout.readline().split()[0]
    connection = http.client.HTTPConnection("127.0.0.1", int(address.rstrip("/").rsplit(":", 1)[1]), timeout=10)
    yield connection
    connection.close()
    process.terminate()
    process.wait()
    process.stdout.close()


@pytest.mark.slow
def test_serve_shows_the_site_and_nothing_else(demo: Path, server: http.client.HTTPConnection) -> None:
    def get(path: str, method: str = "GET") -> http.client.HTTPResponse:
        server.request(method, path)
        response = server.getresponse()
        response.read()
        return response

    page = get("/")
    assert page.status == 200
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "Python" not in (page.headers["Server"] or "")
    assert get("/experiments/").status == 404, "no folder is listed"
    for path in ("/../askwell.toml", "/..%2faskwell.key", "/%2e%2e/askwell.key", "/../../etc/passwd"):
        assert get(path).status == 404, path
    for path in (
        "/%00",
        "/index.html%00.txt",
        "/%ff%fe",
        "//etc/passwd",
        "/experiments%5c..%5caskwell.key",
        "/.askwell",
    ):
        assert get(path).status == 404, path
    for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "PROPFIND"):
        answer = get("/", method)
        assert answer.status == 501, method
        assert answer.headers["X-Frame-Options"] == "DENY", method
    assert get("/" + "a" * 70_000).status == 414
    server.request("GET", "/", headers={"X-Long": "a" * 70_000})
    answer = server.getresponse()
    answer.read()
    assert answer.status == 431
    assert get("/").status == 200, "and it still stands"


@pytest.mark.slow
def test_a_link_out_of_the_site_is_not_followed(demo: Path, server: http.client.HTTPConnection) -> None:
    link = (demo / "site").resolve() / "way-out.html"
    link.symlink_to(demo / "askwell.key")
    try:
        server.request("GET", "/way-out.html")
        assert server.getresponse().status == 404
    finally:
        link.unlink()


def test_serve_on_a_taken_port_says_so(publisher: TestPublisher) -> None:
    import socket

    site = publisher.folder / "site"
    site.mkdir()
    (site / "index.html").write_text("x", encoding="utf-8")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = askwell("serve", "--port", taken.getsockname()[1], cwd=publisher.folder, ok=False)
    assert done.returncode == 1
    assert "choose another --port" in done.stderr


def test_help_is_quick() -> None:
    start = time.monotonic()
    done = askwell("--help", cwd=Path.cwd())
    assert time.monotonic() - start < 5, "start-up must not import Dagster, SciPy or Plotly"
    for command in ("demo", "run", "analyze", "query", "check", "serve", "replay"):
        assert command in done.stdout


@pytest.mark.slow
def test_a_plan_takes_its_numbers_from_past_tests(demo: Path, tmp_path: Path) -> None:
    counted = json.loads(
        askwell(
            "query",
            "-s",
            demo,
            "--json",
            """
            SELECT sum(n)::DOUBLE AS n, sum(x)::DOUBLE AS x, count(DISTINCT experiment_id) AS tests
            FROM variant_results AS v JOIN experiments AS e USING (experiment_id)
            WHERE v.is_control AND basis = 'exposed' AND segment_kind = 'all' AND metric = 'conversion'
                AND as_of = (SELECT max(as_of) FROM variant_results AS w WHERE w.experiment_id = v.experiment_id)
            """,
            cwd=tmp_path,
        ).stdout
    )[0]
    plan = json.loads(askwell("plan", "-s", demo, "--json", cwd=tmp_path).stdout)
    assert plan["ground"]["rate"] == pytest.approx(counted["x"] / counted["n"])
    assert len(plan["ground"]["experiments"]) == counted["tests"]
    assert plan["ground"]["readers_a_day"] > 0
    assert plan["ground"]["tail"] > 1


@pytest.mark.slow
def test_a_plan_says_which_surface_has_no_past_test(demo: Path) -> None:
    done = askwell("plan", "-s", demo, "--surface", "nowhere", cwd=demo, ok=False)
    assert done.returncode == 1
    assert "nowhere" in done.stderr


def test_a_plan_from_given_numbers_needs_no_workspace_and_draws_its_curve(tmp_path: Path) -> None:
    numbers = ("--rate", 0.001, "--readers-a-day", 5000, "--tail", 3.3)
    done = askwell("plan", *numbers, "--picture", "curve.svg", cwd=tmp_path)
    assert "can never answer" in done.stdout
    assert "What would help" in done.stdout
    drawn = (tmp_path / "curve.svg").read_text(encoding="utf-8")
    assert drawn.count('class="line"') == 4
    assert "<style>" in drawn
    askwell("plan", *numbers, "--picture", "curve.png", cwd=tmp_path)
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    done = askwell("plan", *numbers, "--picture", "curve.doc", cwd=tmp_path, ok=False)
    assert done.returncode == 1
    assert ".svg" in done.stderr


def test_a_plan_with_shares_that_are_no_numbers_is_wrong_usage(tmp_path: Path) -> None:
    assert askwell("plan", "--shares", "a,b", cwd=tmp_path, ok=False).returncode == 2


@pytest.mark.slow
def test_a_a_tests_need_past_tests_that_are_large_enough_or_give_their_rates(demo: Path) -> None:
    done = askwell("check", "-s", demo, "--aa", "--json", cwd=demo, ok=False)
    if done.returncode == 0:
        found = json.loads(done.stdout)
        assert found["is_kept"]
        assert {one["method"] for one in found["results"]} == {"one_look", "daily_looks", "anytime"}
    else:
        assert done.returncode == 1
        assert "100 contributors" in done.stderr


def test_a_a_tests_take_no_file(tmp_path: Path) -> None:
    done = askwell("check", "gifts.csv", "--source", "x", "--aa", cwd=tmp_path, ok=False)
    assert done.returncode == 2


@pytest.mark.slow
def test_a_request_that_never_ends_is_dropped_and_nothing_names_who_asked(
    demo: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import socket
    import threading
    from functools import partial

    from askwell.serve import SiteHandler, SiteServer

    monkeypatch.setattr(SiteHandler, "timeout", 0.3)
    with SiteServer(("127.0.0.1", 0), partial(SiteHandler, directory=str(demo / "site"))) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        with socket.create_connection(serving.server_address[:2], timeout=5) as slow:
            slow.sendall(b"GET / HT")
            assert slow.recv(10) == b"", "closed by the server"
        with socket.create_connection(serving.server_address[:2], timeout=5) as gone:
            gone.sendall(b"GET /\0x HTTP/1.1\r\n\r\n")
        serving.shutdown()
    assert "127.0.0.1" not in "".join(capfd.readouterr())


def test_only_the_machine_itself_needs_no_warning() -> None:
    from askwell.serve import _is_loopback

    assert all(_is_loopback(host) for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost"))
    assert not any(_is_loopback(host) for host in ("::", "192.0.2.7", "reports.example.org"))

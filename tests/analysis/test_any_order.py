"""Order, duplicates, lateness and delivery again, in any interleaving, lead to the same state; broken files lose no row.

`python -m tests.analysis.test_any_order ROWS` is the long form of the fuzz (`make fuzz`).
"""

from __future__ import annotations

import gzip
import json
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.checking import files_out_of_balance
from tests.builders import TestPublisher, appeal_event, encoded, gift, pageview

KINDS = ("pageviews", "appeal_events", "contributions")

moments = st.sampled_from(["10-04 22:30", "10-04 23:30", "10-05 12:00", "10-25 00:30", "10-25 01:30"])
versions = st.sampled_from([None, 1, 2])
events = st.fixed_dictionaries(
    {
        "key": st.sampled_from("abcd"),
        "at": moments,
        "variant": st.sampled_from(["current", "thanks"]),
        "version": versions,
    }
)
deliveries = st.lists(
    st.tuples(st.sampled_from(["ndjson", "csv"]), st.lists(events, min_size=1, max_size=5)), min_size=1, max_size=4
)


def with_one_key(folder: Path) -> TestPublisher:
    """A publisher whose readers have the same keys as every other's."""
    made = TestPublisher(folder)
    key = folder / "askwell.key"
    key.write_text("a key for every publisher of this test", encoding="utf-8")
    key.chmod(0o600)
    return made


def as_events(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        appeal_event(row["at"], f"r{row['key']}", row["variant"], event_id=row["key"], version=row["version"])
        for row in rows
    ]


def as_gifts(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        gift(row["at"], f"r{row['key']}", 100 + len(row["variant"]), contribution_id=row["key"], version=row["version"])
        for row in rows
    ]


def state(publisher: TestPublisher) -> list[pl.DataFrame]:
    """All accepted rows, in an order that does not depend on how they came."""
    found = []
    for kind in KINDS:
        parts = [pl.read_parquet(part.path) for part in publisher.warehouse.parts(kind)]
        if parts:
            found.append(pl.concat(parts, how="diagonal").sort(pl.all()))
    return found


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files=deliveries, data=st.data())
def test_files_in_any_interleaving_lead_to_the_same_state(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[str, list[dict[str, Any]]]], data: st.DataObject
) -> None:
    landed = [
        (kind, f"{number}.{ending}", encoded(make(rows), f"x.{ending}"))
        for number, (ending, rows) in enumerate(files)
        for kind, make in (("appeal_events", as_events), ("contributions", as_gifts))
    ]
    at_once = with_one_key(tmp_path_factory.mktemp("once"))
    for kind, name, content in landed:
        at_once.land(kind, content, name)
    at_once.ingest()
    one_by_one = with_one_key(tmp_path_factory.mktemp("order"))
    order = data.draw(st.permutations(landed))
    again = data.draw(st.lists(st.sampled_from(landed), max_size=2))
    for number, (kind, name, content) in enumerate([*order, *again]):
        is_again = number >= len(order)
        one_by_one.land(kind, content, f"again-{number}-{name}" if is_again else name)
        if data.draw(st.booleans()) or is_again:
            one_by_one.ingest()
    one_by_one.ingest()
    assert files_out_of_balance(one_by_one.warehouse).is_empty()
    first, second = state(at_once), state(one_by_one)
    assert len(first) == len(second)
    for expected, found in zip(first, second, strict=True):
        assert expected.equals(found)


def test_a_key_that_is_beaten_on_one_day_stays_on_another(publisher: TestPublisher) -> None:
    """Found by the test above: the row of the other day went, too, where another row of its day was beaten."""
    both = [appeal_event(when, "r", event_id="b") for when in ("10-04 22:30", "10-04 23:30")]
    publisher.land("appeal_events", [*both, appeal_event("10-04 22:30", "s", event_id="c")])
    publisher.ingest()
    newer = [
        appeal_event("10-04 23:30", "r", event_id="b", version=1),
        appeal_event("10-04 22:30", "s", event_id="c", version=1),
    ]
    publisher.land("appeal_events", newer)
    publisher.ingest()
    days = pl.concat([pl.read_parquet(part.path) for part in publisher.warehouse.parts("appeal_events")])
    assert sorted(days.group_by("day").len()["len"]) == [1, 2]
    assert files_out_of_balance(publisher.warehouse).is_empty()


def test_the_higher_version_counts_whichever_came_first(publisher: TestPublisher) -> None:
    new = gift("10-05 12:00", "r", 500, contribution_id="g", version=2)
    old = gift("10-06 12:00", "r", 900, contribution_id="g", version=1)
    publisher.land("contributions", [new])
    publisher.ingest()
    publisher.land("contributions", [old])
    publisher.ingest()
    assert state(publisher)[0]["amount_minor"].to_list() == [500]
    publisher.land("contributions", [{**old, "version": 3}])
    publisher.ingest()
    assert state(publisher)[0]["amount_minor"].to_list() == [900]
    assert files_out_of_balance(publisher.warehouse).is_empty()
    ledger = publisher.warehouse.ledger()
    assert (ledger["received"].sum(), ledger["accepted"].sum(), ledger["duplicate"].sum()) == (3, 1, 2)


# -- broken files -----------------------------------------------------------------------------------------------------


def mutated(content: bytes, chance: random.Random) -> bytes:
    """A file with a few bytes changed, doubled, cut out or put in."""
    raw = bytearray(content)
    for _ in range(chance.randint(1, max(2, len(raw) // 2000))):
        place = chance.randrange(len(raw))
        match chance.randrange(4):
            case 0:
                raw[place] = chance.randrange(256)
            case 1:
                del raw[place : place + chance.randint(1, 40)]
            case 2:
                raw[place:place] = bytes(
                    chance.choice(b'",\n{}[]\\\x00\x01\xff0-') for _ in range(chance.randint(1, 5))
                )
            case _:
                raw[place:place] = raw[place : place + 60]
        if not raw:
            raw.extend(b"\n")
    return bytes(raw)


def fuzz(folder: Path, rows: int, seed: int) -> int:
    """Land mutated files of every table and of a source until they had `rows` rows; return the rows received."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    received = 0
    per_file = min(5000, max(20, rows // 40))
    while received < rows:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            publisher = TestPublisher(Path(place))
            publisher.settings_more = '\n[sources.web]\nmapping = "growthbook"\n[sources.calls]\nmapping = "segment"\n'
            publisher.write_settings()
            publisher.register()
            for number in range(4):
                some = range(per_file)
                made: dict[str, list[dict[str, Any]]] = {
                    "pageviews": [pageview("10-05 12:00", f"r{one}", section='a "b", c') for one in some],
                    "appeal_events": [appeal_event("10-05 12:00", f"r{one}") for one in some],
                    "contributions": [gift("10-05 12:00", f"r{one}", one) for one in some],
                    "web": [{"timestamp": "2026-10-05 12:00:00", "anonymous_id": f"r{one}", "experiment_id": "x", "variation_id": "1"} for one in some],
                    "calls": [{"type": "page", "messageId": f"m{number}-{one}", "anonymousId": f"r{one}", "timestamp": "2026-10-05T12:00:00Z"} for one in some],
                }  # fmt: skip
                for kind, rows_made in made.items():
                    ending = "ndjson" if kind == "calls" else chance.choice(["csv", "ndjson"])
                    publisher.land(kind, mutated(encoded(rows_made, f"x.{ending}"), chance), f"{number}.{ending}")
            publisher.ingest()
            ledger = publisher.warehouse.ledger()
            whole = ledger.filter(pl.col("status") == "ingested")
            assert files_out_of_balance(publisher.warehouse).is_empty(), seed
            assert ledger.height >= 20
            received += int(whole["received"].sum())
    return received


def test_broken_files_lose_no_row_and_stop_nothing(tmp_path: Path) -> None:
    assert fuzz(tmp_path, 3000, seed=1) >= 3000


@pytest.mark.parametrize(
    "line",
    [b"\x00", b'{"a":' * 3000, b'"', b"\xff\xfe", b"," * 5000, json.dumps({"event_id": "x" * 100_000}).encode(), b"null", b"[]", b'""'],
)  # fmt: skip
@pytest.mark.parametrize("place", ["pageviews/x.ndjson", "pageviews/x.csv", "calls/x.ndjson", "web/x.csv"])
def test_a_hostile_line_is_set_aside_or_read_and_the_rest_goes_on(
    publisher: TestPublisher, line: bytes, place: str
) -> None:
    publisher.settings_more = '\n[sources.web]\nmapping = "growthbook"\n[sources.calls]\nmapping = "segment"\n'
    publisher.write_settings()
    kind, name = place.split("/")
    rows = {
        "pageviews": [pageview("10-05 12:00", "r"), pageview("10-05 12:01", "s")],
        "calls": [{"type": "page", "messageId": one, "anonymousId": "r", "timestamp": "2026-10-05T12:00:00Z"} for one in "ab"],
        "web": [{"timestamp": "2026-10-05 12:00:00", "anonymous_id": one, "experiment_id": "x", "variation_id": "1"} for one in "ab"],
    }[kind]  # fmt: skip
    content = encoded(rows, name)
    publisher.land(kind, content + line + b"\n", name)
    done = publisher.ingest()
    assert files_out_of_balance(publisher.warehouse).is_empty()
    assert done.accepted >= 2


@pytest.mark.parametrize("content", [b"time\x00stamp,anonymous_id\n1,2\n", b"\x00,\x00\n1,2\n", b"\x01\x01\n", b"\x00"])
@pytest.mark.parametrize("name", ["x.csv", "x.ndjson", "x.csv.gz"])
def test_control_characters_in_the_first_line_stop_nothing(publisher: TestPublisher, content: bytes, name: str) -> None:
    publisher.settings_more = '\n[sources.web]\nmapping = "growthbook"\n'
    publisher.write_settings()
    for kind in ("web", "pageviews"):
        publisher.land(kind, gzip.compress(content) if name.endswith(".gz") else content, name)
    publisher.ingest()
    assert publisher.warehouse.ledger().height == 2
    assert files_out_of_balance(publisher.warehouse).is_empty()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("length", [1, 40, 3000])
def test_files_of_nothing_but_noise_stop_nothing(publisher: TestPublisher, seed: int, length: int) -> None:
    publisher.settings_more = '\n[sources.web]\nmapping = "donations-csv"\n[sources.calls]\nmapping = "segment"\n'
    publisher.write_settings()
    chance = random.Random(f"{seed} {length}")  # noqa: S311 - no secret
    for kind, ending in (
        *(("pageviews", ending) for ending in ("csv", "ndjson", "parquet", "csv.gz", "ndjson.zst")),
        ("web", "csv"), ("web", "tsv"), ("calls", "ndjson"), ("contributions", "csv"),
    ):  # fmt: skip
        publisher.land(kind, chance.randbytes(length), f"noise.{ending}")
    publisher.land("appeal_events", [appeal_event("10-05 12:00", "r")])
    assert publisher.ingest().accepted == 1
    assert files_out_of_balance(publisher.warehouse).is_empty()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as where:
        sys.stdout.write(f"{fuzz(Path(where), int(sys.argv[1]), seed=7):,} mutated rows: every one accounted for.\n")

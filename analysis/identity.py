"""Who is one reader: ids that links connect are counted as one person.

Links are edges between keys; a person is a connected component of that graph. Nothing that is stored changes: readers are
put together where they are counted, so a link that comes late, or that is forgotten, needs no row rewritten.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import duckdb
import polars as pl

from analysis.queries import query
from analysis.store import Warehouse, fingerprint, read_parts

#: Changes whenever the rule does.
_DEFINITION = 2

PERSONS_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "reader_key": pl.Int64,
    "person_key": pl.Int64,
    "component_key": pl.Int64,
    "n_ids": pl.Int64,
    "is_merged": pl.Boolean,
}
#: Which parts of links the persons are made from, and when links last touched a reader of an experiment.
_LINKED_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {"part_id": pl.Int64}
_TOUCHED_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {"experiment_id": pl.String, "touched": pl.String}


def hashed(value: str) -> str:
    """SQL of what is kept of a secret: the first 64 bits of SHA-256 over key and value, signed.

    Integers sort, join and group twice as fast as text. The same digest on every engine and version, unlike `hash()`.
    """
    digest = f"('0x' || left(sha256(getvariable('hash_key') || {value}), 16))::UBIGINT"
    return f"({digest}::HUGEINT - 9223372036854775808)::BIGINT"


def keys_of(values: Sequence[str], hash_key: bytes) -> list[int]:
    """What is kept of each of the secrets, as `hashed`."""
    with duckdb.connect() as connection:
        connection.execute("SET VARIABLE hash_key = $key", {"key": hash_key.decode("latin-1")})
        rows = connection.execute(
            f"SELECT {hashed('value')} FROM (SELECT unnest($values::VARCHAR[]) AS value)", {"values": list(values)}
        ).fetchall()
    return [key for (key,) in rows]


def persons(links: pl.DataFrame, *, largest: int) -> pl.DataFrame:
    """Return the person of every key that a link names: the smallest key of its connected component.

    Args:
        links: One row per pair of keys, `reader_key` and `linked_key`; either order, repeats allowed.
        largest: Ids that one person may have. A larger component is a shared account or a machine in a library: it is not
            put together, and `is_merged` says so.

    Returns:
        One row per key, `PERSONS_SCHEMA`, in order of `reader_key`.
    """
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if links.is_empty():
        return pl.DataFrame(schema=PERSONS_SCHEMA)
    count = links.height
    both = np.concatenate([links["reader_key"].to_numpy(), links["linked_key"].to_numpy()])
    keys, place = np.unique(both, return_inverse=True)
    edges = coo_array((np.ones(count, dtype=np.int8), (place[:count], place[count:])), shape=(keys.size, keys.size))
    _, label = connected_components(edges, directed=False)
    # Keys are in order, so the first of each component is its smallest.
    _, first, sizes = np.unique(label, return_index=True, return_counts=True)
    size = sizes[label]
    is_merged = size <= largest
    return pl.DataFrame(
        {
            "reader_key": keys,
            "person_key": np.where(is_merged, keys[first][label], keys),
            "component_key": keys[first][label],
            "n_ids": size,
            "is_merged": is_merged,
        },
        schema=PERSONS_SCHEMA,
    )


def refresh_persons(warehouse: Warehouse) -> bool:
    """Bring persons up to date where links came or went; return whether they did. The caller holds the lock.

    A person is known from all days: a log-in in May tells whose visit in April it was. New links change only the components
    that they touch; where links went, everything is put together anew.
    """
    parts = warehouse.parts("identity_links")
    current = warehouse.parts("persons")
    if not parts and not current:
        return False
    largest = warehouse.settings.identity.largest_person
    rule = fingerprint(_DEFINITION, largest)
    mark = fingerprint(rule, *[part.part_id for part in parts])
    if current and current[0].inputs == mark:
        return False
    linked = pl.DataFrame({"part_id": [part.part_id for part in parts]}, schema=_LINKED_SCHEMA)
    made_from = warehouse.parts("linked_parts")
    known = set(pl.read_parquet(made_from[0].path)["part_id"]) if made_from and made_from[0].inputs == rule else set()
    grows = bool(current) and bool(known) and known <= set(linked["part_id"])
    with warehouse.compute() as connection:
        read_parts(connection, "persons", current)
        new = [part for part in parts if part.part_id not in known] if grows else parts
        read_parts(connection, "identity_links", new)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE new_pairs AS {query('linked_pairs')}")
        pairs = connection.sql("FROM new_pairs").pl()
        if grows:
            # A member of a component that the pairs touch is one edge to its smallest key.
            pairs = pl.concat([pairs, connection.sql(query("touched_persons")).pl()])
        found = persons(pairs, largest=largest)
        connection.register("regrouped", found.to_arrow())
        if grows:
            part = warehouse.write_query(connection, query("regrouped_persons"), "persons", "all", inputs=mark)
        else:
            part = warehouse.write_frame(found, "persons", "all", inputs=mark)
        warehouse.replace(
            [
                part,
                warehouse.write_frame(linked, "linked_parts", "all", inputs=rule),
                warehouse.write_frame(_touched(warehouse, connection, mark, grows=grows), "linked_experiments", "all"),
            ]
        )
        connection.unregister("regrouped")
    return True


def last_touched(warehouse: Warehouse) -> dict[str, str]:
    """By experiment, a mark that changes when links change who is one of its readers."""
    parts = warehouse.parts("linked_experiments")
    return dict(pl.read_parquet(parts[0].path).iter_rows()) if parts else {}


def _touched(warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, mark: str, *, grows: bool) -> pl.DataFrame:
    """The marks of experiments, new for those with a reader among the relation `regrouped`, or for all."""
    marks = last_touched(warehouse) if grows else {}
    exposures = warehouse.parts("daily_exposures")
    counted = [part.scope for part in warehouse.parts("cohort_cells")]
    if exposures and grows:
        files = [str(part.path) for part in exposures]
        rows = connection.execute(query("touched_experiments"), {"files": files}).fetchall()
        marks |= {experiment: mark for (experiment,) in rows}
    else:
        marks |= dict.fromkeys(counted, mark)
    return pl.DataFrame(sorted(marks.items()), schema=_TOUCHED_SCHEMA, orient="row")


def shown_as_persons(select: str, columns: Iterable[str]) -> str:
    """SQL of the rows of a SELECT with `reader_key` of the person; the relation `persons` is there."""
    shown = (
        "coalesce(p.person_key, o.reader_key) AS reader_key" if name == "reader_key" else f"o.{name}"
        for name in columns
    )
    return f"SELECT {', '.join(shown)} FROM ({select}) AS o LEFT JOIN persons AS p ON p.reader_key = o.reader_key"

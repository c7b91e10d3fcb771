"""Who is one reader: ids that links connect are counted as one person.

Links are edges between keys; a person is a connected component of that graph. Nothing that is stored changes: readers are
put together where they are counted, so a link that comes late, or that is forgotten, needs no row rewritten.
"""

from __future__ import annotations

import polars as pl

from analysis.queries import query
from analysis.store import Warehouse, fingerprint, read_parts

#: Changes whenever the rule does.
_DEFINITION = 1

PERSONS_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "reader_key": pl.Int64,
    "person_key": pl.Int64,
    "n_ids": pl.Int64,
    "is_merged": pl.Boolean,
}


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
            "n_ids": size,
            "is_merged": is_merged,
        },
        schema=PERSONS_SCHEMA,
    )


def refresh_persons(warehouse: Warehouse) -> bool:
    """Compute persons anew where links came or went; return whether they did. The caller holds the lock.

    A person is known from all days: a log-in in May tells whose visit in April it was.
    """
    parts = warehouse.parts("identity_links")
    current = warehouse.parts("persons")
    if not parts and not current:
        return False
    largest = warehouse.settings.identity.largest_person
    mark = fingerprint(_DEFINITION, largest, *[part.part_id for part in parts])
    if current and current[0].inputs == mark:
        return False
    with warehouse.compute() as connection:
        read_parts(connection, "identity_links", parts, _no_links)
        links = connection.sql(query("linked_pairs")).pl()
    warehouse.replace([warehouse.write_frame(persons(links, largest=largest), "persons", "all", inputs=mark)])
    return True


def _no_links() -> str:
    return "SELECT CAST(NULL AS BIGINT) AS reader_key, CAST(NULL AS BIGINT) AS linked_key WHERE false"


def no_persons() -> str:
    """SQL that selects no person."""
    return (
        "SELECT CAST(NULL AS BIGINT) AS reader_key, CAST(NULL AS BIGINT) AS person_key, CAST(NULL AS BIGINT) AS n_ids, "
        "CAST(NULL AS BOOLEAN) AS is_merged WHERE false"
    )


def shown_as_persons(select: str) -> str:
    """SQL of the rows of a SELECT with `reader_key` of the person; the relation `persons` is there."""
    return (
        f"SELECT o.* REPLACE (coalesce(p.person_key, o.reader_key) AS reader_key) FROM ({select}) AS o "
        "LEFT JOIN persons AS p ON p.reader_key = o.reader_key"
    )

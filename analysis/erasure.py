"""Forgetting a reader: which rows are theirs, and the marks by which rows that come later are refused.

The list of the forgotten must not name them: it keeps a digest over the hash of the id, from which neither can be read,
and the lowest twenty bits of the hash, so that ingestion takes the digest of a few rows and not of all.
"""

from __future__ import annotations

import polars as pl

#: Columns of the relation `erased_marks`.
ERASED_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {"bucket": pl.Int64, "digest": pl.String}


def bucket_of(column: str) -> str:
    """SQL of the twenty lowest bits of a key."""
    return f"({column} & 1048575)"


def digest_of(column: str) -> str:
    """SQL of the digest of a key: SHA-256 under the hash key, which the variable `hash_key` holds."""
    return f"sha256(getvariable('hash_key') || 'erased' || CAST({column} AS VARCHAR))"


def is_erased(column: str) -> str:
    """SQL that is true for a key which the relation `erased_marks` names."""
    return (
        f"coalesce(CASE WHEN {bucket_of(column)} IN (SELECT bucket FROM erased_marks) "
        f"THEN {digest_of(column)} IN (SELECT digest FROM erased_marks) END, false)"
    )

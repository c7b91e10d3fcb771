"""The SQL files of `sql/`, by name. Values are bound by the caller; nothing is formatted into a statement here."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def query(name: str) -> str:
    """Return the text of `sql/<name>.sql`."""
    return (resources.files("analysis") / "sql" / f"{name}.sql").read_text(encoding="utf-8")

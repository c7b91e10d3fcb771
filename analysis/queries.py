"""The SQL files of `sql/`, by name. Values are bound by the caller; nothing is formatted into a statement here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import TypeVar

Value = TypeVar("Value")


@cache
def query(name: str) -> str:
    """Return the text of `sql/<name>.sql`."""
    return (resources.files("analysis") / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def named_in(statement: str, values: Mapping[str, Value]) -> dict[str, Value]:
    """Those of the values that the statement names as parameters: DuckDB refuses the others."""
    code = re.sub(r"--.*", "", statement)
    return {name: values[name] for name in re.findall(r"\$(\w+)", code)}

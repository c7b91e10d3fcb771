"""Rows that a pipeline must set aside, each with exactly one fault, and lines that are no rows at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from analysis.contract import Kind

#: (column, value or None, reason, how many).
Fault = tuple[str, str | None, str, int]

FAULTY_CONTRIBUTIONS: tuple[Fault, ...] = (
    ("currency", "XXQ", "unknown_currency", 3),
    ("currency", "ISK", "no_rate", 4),
    ("amount_minor", "-500", "negative_amount", 3),
    ("amount_minor", None, "missing_value", 2),
    ("amount_minor", "twenty", "wrong_type", 2),
    ("occurred_at", "yesterday evening", "wrong_type", 2),
    ("occurred_at", "2999-01-01T00:00:00Z", "future_timestamp", 2),
    ("status", "perhaps", "not_allowed", 2),
)
FAULTY_EVENTS: tuple[Fault, ...] = (
    ("variant_id", "variant-of-another-test", "unknown_variant", 6),
    ("event", "hovered", "not_allowed", 3),
    ("experiment_id", None, "missing_value", 4),
    ("occurred_at", "2999-12-31T23:59:59Z", "future_timestamp", 2),
    ("occurred_at", "half past nine", "wrong_type", 3),
)
FAULTY_PAGEVIEWS: tuple[Fault, ...] = (
    ("occurred_at", "31/10/2026 7pm", "wrong_type", 3),
    ("is_bot", "maybe", "wrong_type", 2),
    ("event_id", None, "missing_value", 3),
    ("device", "fridge", "not_allowed", 4),
)
#: The same for files whose columns have types, where a value of another type cannot stand.
FAULTY_TYPED_EVENTS: tuple[Fault, ...] = (
    ("variant_id", "variant-of-another-test", "unknown_variant", 5),
    ("event", "hovered", "not_allowed", 2),
)
FAULTY_TYPED_PAGEVIEWS: tuple[Fault, ...] = (
    ("device", "fridge", "not_allowed", 4),
    ("event_id", None, "missing_value", 3),
)


@dataclass
class Tally:
    """Counts of what was planted, by kind."""

    quarantined: dict[str, Counter[str]] = field(default_factory=dict)
    duplicates: Counter[str] = field(default_factory=Counter)
    late: Counter[str] = field(default_factory=Counter)

    def set_aside(self, kind: Kind, reason: str, rows: int) -> None:
        """Count rows that the pipeline must set aside."""
        self.quarantined.setdefault(kind, Counter())[reason] += rows


def faulty(sample: pl.DataFrame, faults: Sequence[Fault], kind: Kind, key: str, tally: Tally) -> pl.DataFrame:
    """Return copies of the first sound rows with one fault and a new key each, counted; as many as the faults say.

    Args:
        sample: Sound rows of a file of `kind`; they are repeated where there are too few.
        faults: What to spoil.
        kind: Whose rows they are.
        key: Column that names a row; text or Int64.
        tally: Where to count.
    """
    wanted = sum(count for *_, count in faults)
    rows = sample.select(pl.all().gather(pl.arange(wanted) % pl.len())) if sample.height else sample
    number = pl.int_range(pl.len())
    if sample.schema[key] == pl.String:
        fresh = pl.concat_str(pl.lit("spoiled-"), pl.col(key), pl.lit("-"), number)
    else:
        fresh = pl.col(key) + 500_000_000_000 + number
    rows = rows.with_columns(fresh.alias(key))
    parts, start = [], 0
    for column, value, reason, count in faults:
        part = rows.slice(start, count)
        parts.append(part.with_columns(pl.lit(value, rows.schema[column]).alias(column)))
        tally.set_aside(kind, reason, part.height)
        start += count
    return pl.concat(parts)

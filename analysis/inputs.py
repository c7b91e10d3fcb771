"""Tables of the store that are counted: their columns, and how to see none of their rows.

What event tables hold is the contract's; the daily partials and what else is made from them stands here.
"""

from __future__ import annotations

from analysis.contract import KINDS, stored_columns

#: Column and type of every table that is made from event tables and read again.
_MADE: dict[str, dict[str, str]] = {
    "persons": {
        "reader_key": "BIGINT",
        "person_key": "BIGINT",
        "component_key": "BIGINT",
        "n_ids": "BIGINT",
        "is_merged": "BOOLEAN",
    },
    "daily_exposures": {
        "experiment_id": "VARCHAR",
        "reader_key": "BIGINT",
        "day": "DATE",
        "first_exposure": "BIGINT",
        "exposures": "INTEGER",
        "bits": "INTEGER",
        "first_met": "BIGINT",
        "first_view": "BIGINT",
        "eligible_us": "BIGINT",
        "inserted_us": "BIGINT",
        "expanded_us": "BIGINT",
        "clicked_us": "BIGINT",
        "checkout_started_us": "BIGINT",
        "dismissed_us": "BIGINT",
        "blocked_us": "BIGINT",
        "registered_us": "BIGINT",
    },
    "daily_visits": {"reader_key": "BIGINT", "day": "DATE", "pageviews": "INTEGER", "most_a_minute": "INTEGER"},
    "daily_page_measures": {"measure": "VARCHAR", "reader_key": "BIGINT", "day": "DATE", "amount": "BIGINT"},
    "daily_appeal_measures": {
        "measure": "VARCHAR",
        "experiment_id": "VARCHAR",
        "reader_key": "BIGINT",
        "day": "DATE",
        "amount": "BIGINT",
    },
    "left_out_readers": {
        "experiment_id": "VARCHAR",
        "reader_key": "BIGINT",
        "variant_code": "INTEGER",
        "marks": "INTEGER",
        "readers": "INTEGER",
    },
}


def columns_of(table: str) -> dict[str, str]:
    """SQL types by column of an event table, a daily partial or another table that is read again, in order."""
    if table in _MADE:
        return _MADE[table]
    kind = KINDS[KINDS.index(table)]
    return {**{column.stored_name: column.sql_type for column in stored_columns(kind)}, "day": "DATE"}


def no_rows(table: str) -> str:
    """SQL that selects no row with the columns of a table."""
    columns = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in columns_of(table).items())
    return f"SELECT {columns} WHERE false"

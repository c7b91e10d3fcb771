"""Questions that must have the answer none: rows lost, readers counted twice, amounts that jump, verdicts held back.

What is asked of rows is asked of those that came since the last edition was published, whatever their days: older ones have
been asked, and a check costs what the new data cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from analysis.contract import DAY, KINDS, PAYMENT_KINDS, Kind, key_columns, stored_columns
from analysis.edition import Draft, edition_table
from analysis.queries import query
from analysis.result_tables import CHECKS, DECISIONS
from analysis.store import Part, Warehouse, read_parts

#: Days of files with which the gifts of a new file are compared.
_COMPARED_DAYS = 28
#: Gifts of one kind that a file, and the others together, need before their amounts are compared.
_FEWEST_GIFTS, _FEWEST_OTHERS = 10, 20

#: Days of gifts that are held against the readers seen, and days of readers before them.
_GIFT_DAYS, _SEEN_DAYS = 7, 28
#: Share of gifts from readers seen nowhere at which the ids are not the same ids.
UNMET_SHARE = 0.9
_FEWEST_UNMET = 10


def files_out_of_balance(warehouse: Warehouse) -> pl.DataFrame:
    """Files whose rows do not add up, or whose accepted rows are not all in parts. Columns of the ledger."""
    ledger = warehouse.ledger().filter(pl.col("status") == "ingested")
    stored = warehouse.rows_by_file()
    return (
        ledger.join(stored, on="file_id", how="left")
        .with_columns(pl.col("stored").fill_null(0))
        .filter(
            (pl.col("received") != pl.col("accepted") + pl.col("duplicate") + pl.col("quarantined"))
            | (pl.col("stored") + pl.col("expired") != pl.col("accepted"))
        )
    )


def days_counted_twice(warehouse: Warehouse) -> list[str]:
    """Days, as `table day`, that more than one partial in force would count."""
    return [
        f"{table} {day}"
        for table in ("daily_exposures", "daily_visits", "daily_page_measures", "daily_appeal_measures")
        for day in warehouse.days_in_force_twice(table)
    ]


def experiments_to_fix(warehouse: Warehouse, edition: Draft) -> list[str]:
    """Ids of experiments whose verdict a trust check withholds."""
    decisions = edition_table(warehouse, edition, DECISIONS.name, DECISIONS.schema)
    return decisions.filter(pl.col("verdict") == "fix_first")["experiment_id"].to_list()


def _asked_from(warehouse: Warehouse) -> datetime | None:
    editions = warehouse.editions()
    return editions[-1].published_at if editions else None


def rows_against_the_contract(warehouse: Warehouse) -> list[str]:
    """A clause for every table whose rows of the days with new rows break the contract in the warehouse itself.

    Asked of what was stored, after validation: a required column is empty, a row stands under another day than its own, a key
    stands there twice.
    """
    since = _asked_from(warehouse)
    found = []
    with warehouse.compute() as connection:
        for kind in KINDS:
            days = {part.scope for part, _ in warehouse.parts_since(kind, since)}
            if not days:
                continue
            read_parts(connection, "stored_rows", warehouse.parts(kind, days), kind)
            rows, *wrong = connection.execute(_contract_question(kind)).fetchall()[0]
            names = [*_required(kind), "key twice"]
            found += [
                f"{kind}: {count} of {rows} rows, {name}" for name, count in zip(names, wrong, strict=True) if count
            ]
    return found


def _required(kind: Kind) -> list[str]:
    return [*(column.stored_name for column in stored_columns(kind) if column.required), "day"]


def _contract_question(kind: Kind) -> str:
    """Rows, then rows without each required column, then rows whose key stands there more than once. Names are the contract's.

    A payment has its key for ever, anything else on its day: a reader logs in again the next morning.
    """
    empty = ", ".join(f"count(*) - count({name})" for name in _required(kind))
    also = () if kind in PAYMENT_KINDS else (DAY,)
    keys = ", ".join(column.stored_name for column in (*key_columns(kind), *also))
    return f"SELECT count(*), {empty}, count(*) - (SELECT count(*) FROM (SELECT DISTINCT {keys} FROM stored_rows)) FROM stored_rows"


@dataclass(frozen=True)
class AmountJump:
    """Gifts of one landed file that are of another order of magnitude than those of all others.

    Attributes:
        landed: The file, below the landing folder. Untrusted text.
        gifts: How many of them.
        median_minor, usual_minor: Middle amount in the file and elsewhere, in minor units of `currency`.
    """

    landed: str
    currency: str
    product: str
    recurrence: str
    gifts: int
    median_minor: float
    usual_minor: float


def amounts_that_jump(warehouse: Warehouse) -> list[AmountJump]:
    """Files landed since the last edition whose amounts differ from the usual by `money.amount_jump` times or more.

    The middle amount of a currency, product and recurrence is compared with the middle one of the other files of the same weeks;
    a file of fewer than ten such gifts, or one that has fewer than twenty others beside it, is left alone.
    """
    factor = warehouse.settings.money.amount_jump
    arrived = warehouse.parts_since("contributions", _asked_from(warehouse))
    if not factor or not arrived:
        return []
    new = {part.part_id for part, _ in arrived}
    first = date.fromisoformat(min(part.scope for part, _ in arrived)) - timedelta(days=_COMPARED_DAYS)
    compared = [
        (str(part.path), landed, part.part_id in new)
        for part, landed in warehouse.parts_since("contributions", None)
        if part.scope >= first.isoformat()
    ]
    frame = pl.DataFrame(
        compared, schema={"filename": pl.String, "landed": pl.String, "is_new": pl.Boolean}, orient="row"
    )
    with warehouse.compute() as connection:
        connection.register("contribution_parts", frame.to_arrow())
        rows = connection.execute(
            query("amount_jumps"),
            {
                "parts": frame["filename"].to_list(),
                "factor": factor,
                "fewest": _FEWEST_GIFTS,
                "fewest_others": _FEWEST_OTHERS,
            },
        ).fetchall()
    return [AmountJump(*row) for row in rows]


@dataclass(frozen=True)
class UnmetGifts:
    """Settled gifts of the last days, and those of them whose reader was seen nowhere on the site."""

    gifts: int
    unmet: int

    @property
    def are_strangers(self) -> bool:
        """True where nearly all of them are: then the ids of gifts and of appeals are not the same ids."""
        return self.unmet >= _FEWEST_UNMET and self.unmet >= UNMET_SHARE * self.gifts


def unmet_gifts(warehouse: Warehouse) -> UnmetGifts:
    """Hold the gifts of the newest seven days of gifts against the readers seen in the four weeks up to them."""
    days = [part.scope for part in warehouse.parts("contributions")]
    if not days:
        return UnmetGifts(0, 0)
    last = date.fromisoformat(max(days))
    first = last - timedelta(days=_GIFT_DAYS - 1)

    def parts(table: str, start: date) -> list[Part]:
        return [part for part in warehouse.parts(table) if start.isoformat() <= part.scope <= last.isoformat()]

    seen = first - timedelta(days=_SEEN_DAYS)
    with warehouse.compute() as connection:
        read_parts(connection, "contributions", parts("contributions", first))
        read_parts(connection, "daily_exposures", parts("daily_exposures", seen))
        read_parts(connection, "daily_visits", parts("daily_visits", seen))
        read_parts(connection, "identity_links", warehouse.parts("identity_links"))
        (row,) = connection.execute(query("unmet_gifts"), {"first": first, "last": last}).fetchall()
    return UnmetGifts(*row)


def failing_trust_checks(warehouse: Warehouse, edition: Draft, names: Sequence[str]) -> pl.DataFrame:
    """Trust checks of the names given that warn or block on the last day of their experiment. Schema `CHECKS`."""
    table = edition_table(warehouse, edition, CHECKS.name, CHECKS.schema)
    newest = pl.col("as_of") == pl.col("as_of").max().over("experiment_id")
    return table.filter(newest & pl.col("check_name").is_in(names) & pl.col("status").is_in(["warn", "block"]))

"""The contract: which columns an event file has, what they mean, and what they become in the warehouse.

One source for validation, table comments, the data dictionary and `docs/contract.md`. Mapping a publisher's own export
to this contract is not done here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analysis.metrics import APPEAL_EVENTS
from analysis.registry import SURFACES

Kind = Literal["pageviews", "appeal_events", "contributions"]
KINDS: tuple[Kind, ...] = ("pageviews", "appeal_events", "contributions")

ColumnType = Literal["text", "identifier", "integer", "timestamp", "boolean", "choice", "currency"]

STATUSES = ("settled", "pending", "failed")
RECURRENCES = ("once", "monthly", "annual")
PRODUCTS = ("gift", "membership", "subscription")
DEVICES = ("mobile", "desktop", "tablet", "app", "other")
READER_TYPES = ("new", "returning", "subscriber")


@dataclass(frozen=True)
class Column:
    """One column of a landed file.

    Attributes:
        type: `identifier` is text or an integer of any size, kept as text; `timestamp` is ISO 8601, UTC where it has no
            offset; `choice` is one of `allowed`; `currency` an ISO 4217 code.
        required: A row without it is quarantined.
        is_key: Part of the row's key: a second row with the same key is a duplicate (events: on the same day).
        is_secret: Names a person; only its keyed hash is ever written.
        stored_as: Name of the warehouse column; "" for a column that is only checked.
    """

    name: str
    type: ColumnType
    required: bool
    meaning: str
    unit: str = ""
    is_key: bool = False
    is_secret: bool = False
    allowed: tuple[str, ...] = ()
    stored_as: str | None = None
    stored_type: str | None = None

    @property
    def stored_name(self) -> str:
        """Column name in the warehouse."""
        return self.name if self.stored_as is None else self.stored_as

    @property
    def sql_type(self) -> str:
        """DuckDB type in the warehouse."""
        if self.stored_type is not None:
            return self.stored_type
        return {
            "text": "VARCHAR",
            "identifier": "VARCHAR",
            "integer": "BIGINT",
            "timestamp": "TIMESTAMP",
            "boolean": "BOOLEAN",
            "choice": "VARCHAR",
            "currency": "VARCHAR",
        }[self.type]


def _event_id(what: str) -> Column:
    return Column(
        "event_id",
        "identifier",
        True,
        f"Unique id of the {what}; a retry of the same event sends the same id. Kept as a 64-bit hash.",
        is_key=True,
        is_secret=True,
        stored_as="event_key",
        stored_type="BIGINT",
    )


_READER = Column(
    "reader_id",
    "identifier",
    False,
    "Who was randomised: the id by which the appeal's variant was drawn. Kept only as a keyed 64-bit hash. Rows without "
    "it are counted, never taken together as one reader.",
    is_secret=True,
    stored_as="reader_key",
    stored_type="BIGINT",
)
_DEVICE = Column("device", "choice", False, "Kind of device at the event.", allowed=DEVICES)
_SECTION = Column("section", "text", False, "Section of the site, in the publisher's words.")
_IS_BOT = Column("is_bot", "boolean", False, "True where the sender already knows that no person read the page.")


def _occurred(what: str) -> Column:
    return Column(
        "occurred_at",
        "timestamp",
        True,
        f"When {what}. Its day in the publisher's time zone decides to which day the row belongs.",
        unit="UTC",
    )


CONTRACT: dict[Kind, tuple[Column, ...]] = {
    "pageviews": (
        _event_id("pageview"),
        _occurred("the page was opened"),
        _READER,
        Column("article_id", "identifier", False, "The publisher's id of the article."),
        _SECTION,
        _DEVICE,
        _IS_BOT,
    ),
    "appeal_events": (
        _event_id("event"),
        _occurred("the event happened"),
        _READER,
        Column("experiment_id", "identifier", True, "Id of the experiment, as in its file under experiments/."),
        Column("variant_id", "identifier", True, "Id of the variant that the reader was given."),
        Column("surface", "choice", True, "Where the appeal stood.", allowed=SURFACES),
        Column("event", "choice", True, "What happened to the appeal.", allowed=APPEAL_EVENTS),
        Column("article_id", "identifier", False, "The publisher's id of the article on which the appeal stood."),
        _SECTION,
        _DEVICE,
        Column("reader_type", "choice", False, "What was known of the reader at the event.", allowed=READER_TYPES),
        _IS_BOT,
    ),
    "contributions": (
        Column(
            "contribution_id",
            "identifier",
            True,
            "The payment provider's id of the payment or refund.",
            is_key=True,
        ),
        _occurred("the payment was made"),
        _READER,
        Column(
            "amount_minor",
            "integer",
            True,
            "Amount paid (of a refund: paid back), never negative.",
            unit="minor units of currency",
        ),
        Column("currency", "currency", True, "ISO 4217 code of the amount."),
        Column(
            "status",
            "choice",
            True,
            "Only settled payments count. A payment that moves from pending to settled is a row for each.",
            is_key=True,
            allowed=STATUSES,
        ),
        Column("product", "choice", True, "What was bought or given.", allowed=PRODUCTS),
        Column("recurrence", "choice", True, "How often the payment repeats.", allowed=RECURRENCES),
        Column("is_trial", "boolean", False, "True for the first payment of a trial offer, also when it is 0."),
        Column(
            "renewal_of",
            "identifier",
            False,
            "For a payment that continues a pledge: contribution_id of its first payment.",
        ),
        Column("refund_of", "identifier", False, "For money paid back: contribution_id of the payment it undoes."),
        Column(
            "price_phase", "text", False, "Phase of the price, in the publisher's words (trial, introductory, full)."
        ),
        Column(
            "experiment_id",
            "identifier",
            False,
            "Experiment whose appeal led to the payment, where the form passed it on.",
        ),
        Column(
            "variant_id", "identifier", False, "Variant whose appeal led to the payment, where the form passed it on."
        ),
    ),
}

#: Columns that the warehouse adds to contributions: the amount in the reporting currency and where the rate came from.
REPORTING_COLUMNS: tuple[Column, ...] = (
    Column(
        "reporting_minor",
        "integer",
        True,
        "The amount in the reporting currency at `rate`.",
        unit="minor units of the reporting currency",
    ),
    Column("rate", "text", True, "Reporting currency for one unit of `currency`.", stored_type="DOUBLE"),
    Column("rate_date", "text", False, "Day of the rate; absent where no conversion was needed.", stored_type="DATE"),
    Column("rate_source", "text", True, "Where the rate came from."),
)


#: Column that the warehouse adds to every kind.
DAY = Column("day", "timestamp", True, "Day of the event in the publisher's time zone.", stored_type="DATE")


def stored_columns(kind: Kind) -> tuple[Column, ...]:
    """Columns of the warehouse table `kind`, in order."""
    return (*CONTRACT[kind], *(REPORTING_COLUMNS if kind == "contributions" else ()))


def key_columns(kind: Kind) -> tuple[Column, ...]:
    """The columns that together identify a row of `kind`."""
    return tuple(column for column in CONTRACT[kind] if column.is_key)

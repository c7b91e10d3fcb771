"""The contract: which columns an event file has, what they mean, and what they become in the warehouse.

One source for validation, table comments, the data dictionary and `docs/contract.md`. How a publisher's own export becomes
rows of this contract stands in `sources/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analysis.registry import SURFACES
from analysis.vocabulary import APPEAL_EVENTS, DEVICES, PRODUCTS, READER_TYPES, RECURRENCES, STATUSES

__all__ = [
    "CONTRACT",
    "DAY",
    "DEVICES",
    "KINDS",
    "PRODUCTS",
    "READER_TYPES",
    "RECURRENCES",
    "STATUSES",
    "Column",
    "Kind",
]

Kind = Literal["pageviews", "appeal_events", "contributions", "payment_details", "identity_links"]
KINDS: tuple[Kind, ...] = ("pageviews", "appeal_events", "contributions", "payment_details", "identity_links")

#: Kinds whose rows report a payment: the same key may come again on another day.
PAYMENT_KINDS: tuple[Kind, ...] = ("contributions", "payment_details")

ColumnType = Literal["text", "identifier", "integer", "timestamp", "boolean", "choice", "currency"]

LINKED_KINDS = ("browser", "account", "customer")


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
_IS_BOT = Column(
    "is_bot",
    "boolean",
    False,
    "True where no person read the page: the sender knows it, or `user_agent` is that of a crawler.",
)
_USER_AGENT = Column(
    "user_agent",
    "text",
    False,
    "The browser's user agent, held against a maintained list of crawlers for `is_bot`; never stored.",
    stored_as="",
)
_RECEIVED = Column(
    "received_at",
    "timestamp",
    False,
    "When the collector received the row. A sender's clock that is ahead of it by more than ten minutes is set to it.",
    unit="UTC",
    stored_as="",
)
_VERSION = Column(
    "version",
    "integer",
    False,
    "Of rows with the same key the one with the highest version counts, whichever came first: a time of update in "
    "microseconds, say.",
)


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
        _USER_AGENT,
        _RECEIVED,
        _VERSION,
        Column(
            "ad_revenue_micros",
            "integer",
            False,
            "What the advertising on the page brought in, where it is known.",
            unit="millionths of the reporting currency",
        ),
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
        _USER_AGENT,
        _RECEIVED,
        _VERSION,
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
            "Only settled payments count. A payment that moves from pending to settled is a row for each; so is the end of "
            "a pledge: `cancelled`, with the contribution_id of the pledge's first payment, or an id of the pledge, and the "
            "moment of its end.",
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
        Column(
            "billed_by",
            "identifier",
            False,
            "Id of the invoice that the payment settled; `payment_details` may say of it whether it was a renewal.",
        ),
        _VERSION,
    ),
    "payment_details": (
        Column("detail_id", "identifier", True, "The payment provider's id of this piece of knowledge.", is_key=True),
        _occurred("the provider knew it"),
        Column(
            "payment_id",
            "identifier",
            True,
            "What it tells of: a `contribution_id`, or an invoice that a contribution names in `billed_by`.",
        ),
        Column("is_renewal", "boolean", False, "True where the payment continues a pledge, false where it begins one."),
        Column("fee_minor", "integer", False, "What the provider kept.", unit="minor units of fee_currency"),
        Column("fee_currency", "currency", False, "ISO 4217 code of the fee: the currency of settlement."),
        Column("settled_minor", "integer", False, "What the publisher was paid.", unit="minor units of fee_currency"),
        _VERSION,
    ),
    "identity_links": (
        _occurred("the link was seen: a log-in, an identify call, a payment that names both"),
        Column(
            "reader_id",
            "identifier",
            True,
            "One id of a person, as it stands in the events. Kept only as a keyed 64-bit hash.",
            is_key=True,
            is_secret=True,
            stored_as="reader_key",
            stored_type="BIGINT",
        ),
        Column(
            "linked_id",
            "identifier",
            True,
            "Another id of the same person: of an account, of a payment customer. Kept only as a keyed 64-bit hash.",
            is_key=True,
            is_secret=True,
            stored_as="linked_key",
            stored_type="BIGINT",
        ),
        Column("linked_kind", "choice", True, "What the other id is an id of.", allowed=LINKED_KINDS),
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
    kept = tuple(column for column in CONTRACT[kind] if column.stored_as != "")
    return (*kept, *(REPORTING_COLUMNS if kind == "contributions" else ()))


def key_columns(kind: Kind) -> tuple[Column, ...]:
    """The columns that together identify a row of `kind`."""
    return tuple(column for column in CONTRACT[kind] if column.is_key)

"""`python -m askwell.contract_page > docs/contract.md`: the page of the landing contract, from the contract itself.

What a column or a reason is called stands in `analysis`; only the sentences around it stand here.
"""

from __future__ import annotations

import sys

from analysis.contract import CONTRACT, DAY, KINDS, PAYMENT_KINDS, REPORTING_COLUMNS, Column, Kind, key_columns
from analysis.validation import CLOCK_SKEW, RATE_AGE, REASONS

_TYPES = {
    "text": "Any text. Space around it is taken off.",
    "identifier": "Text, or an integer of any size; kept as text. `00123` and `123` are two ids.",
    "integer": "A whole number, in CSV and NDJSON without a decimal point. A Parquet column of floats is read where its "
    "values are whole.",
    "timestamp": "ISO 8601, such as `2026-10-05T10:02:11Z` or `2026-10-05 11:02:11+01:00`; UTC where it has no offset. In "
    "Parquet a date-time column, UTC where it has no zone. A day without a time is refused.",
    "boolean": "`true` or `false`; also `1`, `0`, `t`, `f`, `yes`, `no`, in small or capital letters.",
    "choice": "One of the values named below, in small letters.",
    "currency": "An ISO 4217 code, such as GBP.",
}

_KINDS: dict[Kind, str] = {
    "pageviews": "One row for each page that was opened, with or without an appeal on it. Wanted for the guardrail on "
    "pages read; experiments without that guardrail work without any.",
    "appeal_events": "One row for each thing that happened to an appeal: it could have been shown (`eligible`), was put "
    "into the page (`inserted`), came into view (`viewed`), was opened up, clicked, dismissed, led to the checkout; a "
    "paywall `blocked` somebody; somebody `registered`.",
    "contributions": "One row for each report of a payment or of a refund, whatever led to it. Send all of them, not only "
    "those that an appeal brought in: what a reader gives inside the outcome window counts, whichever button was used.",
    "payment_details": "One row for what the payment provider tells of a payment elsewhere: what it kept, what it paid out, "
    "whether an invoice began a pledge or continued one. Not needed where contributions say it themselves.",
    "identity_links": "One row for each time two ids were seen to belong to one person. Readers whose ids are linked are "
    "counted as one.",
}


def contract_page() -> str:
    """Return `docs/contract.md`."""
    skew, age = int(CLOCK_SKEW.total_seconds() // 60), RATE_AGE.days
    kinds = "\n\n".join(_kind(kind) for kind in KINDS)
    types = _table(("type", "is read from"), [(f"`{name}`", text) for name, text in _TYPES.items()])
    added = _table(
        ("column", "unit", "meaning"),
        [(f"`{column.stored_name}`", column.unit, column.meaning) for column in REPORTING_COLUMNS],
    )
    reasons = _table(("reason", "meaning"), [(f"`{code}`", text) for code, text in REASONS.items()])
    return f"""\
<!-- Made by `python -m askwell.contract_page > docs/contract.md`; a test holds it to the code. Do not edit. -->
# The landing contract

What Askwell reads, column by column. `askwell check` says what it would do with the files that have landed.

## Files

    landing/<kind>/<delivery date>/<any name>

- `<kind>` is {_listed(KINDS)}. An export in other columns goes to `landing/<source>/` and is read by a mapping
  (docs/sources.md).
- `<delivery date>` is the day on which the file was delivered, such as `2026-10-06`. It decides nothing but which
  days a run names in advance: a row belongs to the day of its own event.
- The ending names the format: `.parquet`, `.ndjson` or `.jsonl` (one JSON object a line), `.csv` (with a header line,
  comma-separated, UTF-8). Text may be compressed: `.csv.gz`, `.ndjson.zst`.
- Put a file in place by a rename. Names that begin with a dot or end in `.tmp` or `.part` are left alone until then.
- A blank line in a CSV is a row that lacks its values, and is set aside as such.
- Columns may stand in any order. A column that the contract does not name is not read. An optional column may be
  missing. An empty value is no value.
- A file is known by its content. The same path with a new content replaces the old content. A file that is taken away
  stays counted.

## Types

{types}

{kinds}

### Added to contributions

{added}

Rates come from `money.rates_file` (docs/configuration.md). The newest rate of at most {age} days before the payment is
taken. A payment in the reporting currency needs none.

## Days

Every stored row has a column `day`: {_lowered(DAY.meaning)} The zone is
`publisher.time_zone`. An event at 00:30 in London on 5 October is an event of 5 October, though it is 23:30 UTC of the 4th.

## Duplicates

A row is a duplicate when its key is there already, in the same file or in another one in force. The row with the higher
`version` is kept; without versions, the one whose values sort last: which file came first decides nothing, so files may
arrive in any order. The other row is counted as a duplicate and dropped; the ledger tells apart how many were the same in
every value.

{_table(("kind", "key", "sought"), [(f"`{kind}`", _key(kind), _sought(kind)) for kind in KINDS])}

So a retry may be sent again at any time, and a file may be delivered twice. A payment that moves from pending to settled
is two rows with the same `contribution_id`, and both are kept. A settled payment that is reported again is a duplicate.

## Refunds

Money paid back is a row of its own: its own `contribution_id`, a positive `amount_minor`, `status` settled, and
`refund_of` naming the payment. It is taken off the reader of that payment, in proportion, at that payment's rate. A
chargeback is sent in the same way.

## Set aside

A row that breaks the contract is set aside with its first fault, and the rest of the file goes on. For every file:
received = accepted + duplicate + set aside. The pipeline stops where that does not hold.

{reasons}

A time counts as lying in the future from {skew} minutes ahead of the machine's clock on. Events of an experiment that is
not registered are accepted and wait: once its file stands under experiments/, the next run counts them. A file that cannot be read as
a whole (empty, cut off, no Parquet, no header) is entered in `ledger` as `unreadable`, with the reason; none of its rows is
taken. Deliver it again under the same name.

What is kept of a row that was set aside is its number, the reason, the column and an example that names nobody: short
codes as they are, of everything else the shape (letters as `a`, digits as `9`), and nothing of a secret column. The file
itself stays where it landed. Look at `quarantine_reasons` in the database, or at the data-health page; mend the cause;
then `askwell replay` reads those files again.
"""


def _kind(kind: Kind) -> str:
    rows = [
        (
            f"`{column.name}`",
            column.type,
            "yes" if column.required else "no",
            column.unit,
            _meaning(column),
        )
        for column in CONTRACT[kind]
    ]
    return f"## {kind}\n\n{_KINDS[kind]}\n\n{_table(('column', 'type', 'required', 'unit', 'meaning'), rows)}"


def _meaning(column: Column) -> str:
    allowed = f" Allowed: {_listed(column.allowed)}." if column.allowed else ""
    secret = f" Stored as `{column.stored_name}`." if column.is_secret else ""
    return f"{column.meaning}{allowed}{secret}"


def _key(kind: Kind) -> str:
    return ", ".join(f"`{column.name}`" for column in key_columns(kind))


def _sought(kind: Kind) -> str:
    return "on every day" if kind in PAYMENT_KINDS else "on the same day"


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _lowered(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(contract_page())

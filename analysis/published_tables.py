"""What `askwell.duckdb` holds beside the results: the small tables, the views, the macros, and what their columns mean.

Results, trust checks and the ledger are declared in `result_tables.py`; event columns in `contract.py`. A table of
another kind is declared here or beside the code that makes it, as a `ResultTable`, and given to `publish_database` by
`edition.publish`: it then has its comments, stands in the data dictionary and on the site's dictionary page.
"""

from __future__ import annotations

import polars as pl

from analysis.contract import DAY, Kind, stored_columns
from analysis.result_tables import (
    RESULT_TABLES,
    ResultTable,
)
from analysis.wording.catalogue import APPEAL_PARTS
from analysis.wording.tables import WORDING_TABLES

#: Oldest DuckDB that opens the file and runs its macros.
NEEDED_DUCKDB = (1, 5)

EXPERIMENTS = ResultTable(
    "experiments",
    "registered experiment",
    {
        "experiment_id": (pl.String, "Experiment, as in its file under experiments/."),
        "name": (pl.String, "Name that people read."),
        "hypothesis": (pl.String, "What was expected, and why."),
        "surface": (pl.String, "Where the appeal stands: donation, paywall, ..."),
        "placement": (pl.String, "Place on the page, in the publisher's words."),
        "owner": (pl.String, "Who answers for the test."),
        "control_id": (pl.String, "Variant that the others are compared with."),
        "exposure": (pl.String, "Event that counts a reader in."),
        "primary_metric": (pl.String, "Metric that decides."),
        "starts": (pl.Date, "First day, in the publisher's time zone."),
        "planned_end": (pl.Date, "Last day on which readers are counted in."),
        "counted_to": (pl.Date, "Last event day that counts for it in this edition."),
        "window_hours": (pl.Int64, "Outcome window from the first exposure, in hours."),
        "refund_days": (pl.Int64, "Days from the first exposure in which refunds are taken off."),
        "cap_minor": (pl.Int64, "Most that one reader's value counts for, in minor units; absent without a cap."),
        "smallest_effect": (pl.Float64, "Smallest lift that matters; absent where none was registered."),
        "alpha": (pl.Float64, "1 less the level of the ranges."),
        "loss_threshold": (pl.Float64, "Share of what the control brings in that a choice may risk."),
    },
)

VARIANTS = ResultTable(
    "variants",
    "experiment, variant",
    {
        "experiment_id": (pl.String, "Experiment."),
        "variant_id": (pl.String, "Variant."),
        "variant_code": (pl.Int64, "Number of the variant in `daily_exposures`, from 0 in order of registration."),
        "name": (pl.String, "Name that people read."),
        "share": (pl.Float64, "Planned share of readers, 0 to 1; where it changed over time see `allocations`."),
        "is_control": (pl.Boolean, "True for the control."),
        "headline": (pl.String, "The appeal's headline."),
        "body": (pl.String, "Its text."),
        "highlight": (pl.String, "Its highlighted sentence."),
        "button": (pl.String, "Words of its button."),
        "amounts": (pl.String, "Amounts it proposes, in major units."),
        "image": (pl.String, "Its picture, as registered."),
    },
)

ALLOCATIONS = ResultTable(
    "allocations",
    "experiment, allocation epoch, variant",
    {
        "experiment_id": (pl.String, "Experiment."),
        "epoch": (pl.Int64, "Allocation epoch, from 0."),
        "starts_at": (pl.Datetime("us"), "Start of the epoch in UTC; the first is open to the past."),
        "ends_at": (pl.Datetime("us"), "End of the epoch in UTC, not included; the last is open."),
        "variant_id": (pl.String, "Variant."),
        "share": (pl.Float64, "Planned share of readers in the epoch, 0 to 1."),
    },
)

FX_RATES = ResultTable(
    "fx_rates",
    "currency, day",
    {
        "currency": (pl.String, "ISO 4217 code."),
        "rate_date": (pl.Date, "Day of the rate."),
        "rate": (pl.Float64, "Reporting currency for one unit of `currency`."),
        "rate_source": (pl.String, "Where the rate came from."),
    },
)

EDITIONS = ResultTable(
    "editions",
    "published edition",
    {
        "edition": (pl.Int64, "Number of the publish, from 1."),
        "as_of": (pl.Date, "Last event day that it counted."),
        "published_at": (pl.Datetime("us"), "When it was published, in UTC."),
        "is_current": (pl.Boolean, "True for the edition of this file."),
    },
)

PUBLISHER = ResultTable(
    "publisher",
    "file (one row)",
    {
        "name": (pl.String, "Publisher."),
        "time_zone": (pl.String, "Time zone of every day in the file."),
        "reporting_currency": (pl.String, "ISO 4217 code of every amount without a currency of its own."),
        "minor_digits": (pl.Int64, "Digits of the minor unit: an amount divided by 10^minor_digits is in major units."),
        "grace_days": (pl.Int64, "Days for which event files that were replaced still answer."),
        "needs_duckdb": (pl.String, "Oldest DuckDB that reads the file."),
    },
)

#: Results of which every edition stays readable for ever, as `<name>_by_edition`.
KEPT_FOR_EVER = (*RESULT_TABLES, APPEAL_PARTS, *WORDING_TABLES)

EVENT_MEANINGS: dict[Kind, str] = {
    "pageviews": "One row per accepted pageview.",
    "appeal_events": "One row per accepted event of an appeal.",
    "contributions": "One row per accepted report of a payment or refund; only settled ones count.",
    "payment_details": "One row per accepted piece of knowledge about a payment: fee, settlement, renewal.",
    "identity_links": "One row per day and pair of ids that were seen to belong to one person.",
}


def event_columns(kind: Kind) -> dict[str, str]:
    """What each warehouse column of an event table means, with its unit."""
    return {
        column.stored_name: f"{column.meaning}{f' [{column.unit}]' if column.unit else ''}"
        for column in (*stored_columns(kind), DAY)
    }


_READER = "Keyed 64-bit hash of the reader; the id itself is nowhere."
_STEP = "Moment of the reader's first such event on the day, in microseconds since 1970 UTC; absent without one."

#: Daily partials by name: what a row is, and what the columns mean. Their form may change with the pipeline.
PARTIALS: dict[str, tuple[str, dict[str, str]]] = {
    "persons": (
        "One row per id that a link names: whose it is. Other tables show the person's key as `reader_key`.",
        {
            "reader_key": "Keyed hash of an id.",
            "person_key": "Key of the person: the smallest of the keys that links connect.",
            "component_key": "Smallest key that links connect with it, also where they are too many for one person.",
            "n_ids": "Ids that links connect with this one.",
            "is_merged": "False where they are more than one person may have (`identity.largest_person`).",
        },
    ),
    "daily_exposures": (
        "One row per day, experiment and reader: what the day adds to what is known of the reader. A working table.",
        {
            "experiment_id": "Experiment.",
            "reader_key": _READER,
            "day": "Day of the events in the publisher's time zone.",
            "first_exposure": "First exposure of the day, packed: moment, variant, device, reader type (see sql/daily_exposures.sql).",
            "exposures": "Exposures of the day.",
            "bits": "Variants that were met, as a set of bits; 65536 a crawler, 131072 another experiment on the article.",
            "first_met": "First event of any type, packed: microseconds x 16 + variant; only where readers count as assigned.",
            "first_view": "First view of the day, packed: microseconds x 4 + day shift.",
            **{
                f"{step}_us": _STEP
                for step in (
                    "eligible",
                    "inserted",
                    "viewed",
                    "expanded",
                    "clicked",
                    "checkout_started",
                    "dismissed",
                    "blocked",
                    "registered",
                )
            },
        },
    ),
    "daily_visits": (
        "One row per day and reader who opened a page. A working table.",
        {
            "reader_key": _READER,
            "day": "Day in the publisher's time zone.",
            "pageviews": "Pages that the reader opened on the day.",
            "most_a_minute": "Most of them within one minute of the clock; absent with fewer than ten.",
        },
    ),
    "left_out_readers": (
        "One row per experiment and exposed reader whom a rule of `[readers]` leaves out.",
        {
            "experiment_id": "Experiment.",
            "reader_key": _READER,
            "variant_code": "Number of the variant, as in `variants`.",
            "marks": "What is special: 1 several variants, 2 linked variants, 4 overlap, 8 giving already, 16 employee, "
            "32 crawler, 64 too fast.",
            "readers": "1.",
        },
    ),
}

_EXPOSED = {
    "experiment_id": "Experiment.",
    "reader_key": _READER,
    "variant_id": "Variant of the first exposure, which counts for the reader whatever came later.",
    "first_exposed_at": "Moment of the first exposure, in UTC.",
    "first_day": "Day of the first exposure in the publisher's time zone.",
    "device": "Kind of device at the first exposure.",
    "reader_type": "What was known of the reader at the first exposure.",
    "is_contaminated": "True where the reader met more than one variant.",
}

#: Views by name, in the order in which they build on each other: what a row is, and what the columns mean.
VIEWS: dict[str, tuple[str, dict[str, str]]] = {
    "exposures": (
        "One row per experiment and reader, as the statistics count them: the first exposure decides.",
        {**_EXPOSED, "exposures": "Exposures up to the last counted day."},
    ),
    "reader_outcomes": (
        "One row per experiment and exposed reader: what the reader gave inside the outcome window.",
        {
            **_EXPOSED,
            "contributions": "Settled payments inside the outcome window.",
            "is_converted": "True for a reader with such a payment; a later refund does not take it back.",
            "value_uncapped_minor": "Settled value net of refunds, in minor units of the reporting currency.",
            "value_minor": "The same, not below 0 and not above the registered cap: what the metric `value` counts.",
        },
    ),
    "gift_routes": (
        "One row per experiment and settled gift that belongs to it: by which route it is tied to a variant.",
        {
            "experiment_id": "Experiment.",
            "contribution_id": "The payment provider's id of the payment.",
            "reader_key": _READER,
            "variant_id": "Variant of the reader; of a gift that nothing ties, the one its form names.",
            "route": "`field`, `click`, `reader` or `other_field`; `no_reader`, `not_exposed` or `outside_window` where nothing "
            "ties it (see `tied_gifts`).",
            "is_tied": "True where the gift is an outcome of the reader.",
            "occurred_at": "Moment of the payment, in UTC.",
            "day": "Its day in the publisher's time zone.",
            "reporting_minor": "Amount in minor units of the reporting currency, before refunds.",
        },
    ),
    "readers": (
        "One row per reader: everything the warehouse knows over all days and experiments.",
        {
            "reader_key": _READER,
            "first_day": "First day with anything of the reader, in the publisher's time zone.",
            "last_day": "Last such day.",
            "days": "Days with anything of the reader.",
            "pageviews": "Pages opened.",
            "experiments": "Experiments whose appeal the reader met.",
            "exposures": "Exposures over all of them.",
            "payments": "Settled payments.",
            "paid_minor": "Their sum before refunds, in minor units of the reporting currency.",
        },
    ),
    "appeals": (
        "One row per distinct wording of an appeal: its parts, and where it stood.",
        {
            "headline": "Headline.",
            "body": "Text.",
            "highlight": "Highlighted sentence.",
            "button": "Words of the button.",
            "amounts": "Amounts it proposes, in major units.",
            "image": "Picture, as registered.",
            "experiments": "Experiments in which it stood.",
            "stood_as": "Experiment and variant, as `experiment/variant`, of each.",
        },
    ),
    "appeal_history": (
        "One row per experiment, variant, part of the appeal and text that it had: from which edition to which.",
        {
            "experiment_id": "Experiment.",
            "variant_id": "Variant.",
            "part": "Part of the appeal.",
            "text": "Its text.",
            "first_edition": "First edition that had it so.",
            "last_edition": "Last one.",
            "first_as_of": "Last counted day of that first edition.",
            "last_as_of": "Last counted day of the last one.",
            "is_current": "True where the newest edition has it so.",
        },
    ),
}

DICTIONARY_VIEWS: dict[str, tuple[str, dict[str, str]]] = {
    "data_dictionary": (
        "One row per table or view and column, with what it means.",
        {
            "table_name": "Table or view.",
            "table_meaning": "What one row of it is.",
            "column_name": "Column.",
            "data_type": "Its type in DuckDB.",
            "column_meaning": "What it means, with its unit.",
        },
    ),
    "macros": (
        "One row per macro of the file.",
        {
            "macro_name": "Name.",
            "gives": "`table`: ask it by FROM name(...); `number`: use it in an expression.",
            "parameters": "Its parameters, in order.",
            "macro_meaning": "What it answers, with an example where it gives a table.",
        },
    ),
}

#: Macros in the order in which they build on each other; each is `sql/macros/<name>.sql`, its first line its meaning.
MACROS = (
    "normal_quantile_middle",
    "normal_quantile_tail",
    "normal_quantile",
    "wilson_centre",
    "wilson_half",
    "wilson_low",
    "wilson_high",
    "prior_scales",
    "log_mixed",
    "normal_log_m_at",
    "normal_log_m",
    "mean_log_e",
    "mean_anytime_low",
    "mean_anytime_high",
    "log_beta",
    "log_sum_exp",
    "capped_exp",
    "logistic",
    "conversion_log_evidence_at",
    "conversion_log_likelihood",
    "epochs_log_likelihood",
    "epochs_newton",
    "epochs_log_evidence_at",
    "epochs_log_evidence",
    "epochs_top",
    "epochs_log_limit",
    "one_epoch",
    "conversion_log_e",
    "conversion_anytime_low",
    "conversion_anytime_high",
    "known_experiment",
    "known_metric",
    "funnel",
    "conversion",
    "value_per_1000",
    "lift",
    "daily",
    "compare_sums",
    "compare",
    "compare_readers",
    "as_of",
    *(f"{table.name}_as_of" for table in KEPT_FOR_EVER),
)

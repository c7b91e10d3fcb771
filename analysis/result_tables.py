"""The result tables: column, type and meaning. What the pipeline writes, analysts query, and reports read.

Grain and order of columns are fixed here and nowhere else; `frame` makes a table of the right shape.
All money is in minor units of the reporting currency; "per 1,000" means per 1,000 readers asked. A null number always
has its reason in the row's `reason`, except the open side of an interval, whose other side is there.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

DType = pl.DataType | type[pl.DataType]


@dataclass(frozen=True)
class ResultTable:
    """A published table: `grain` says what one row is; `columns` maps name to (type, meaning)."""

    name: str
    grain: str
    columns: dict[str, tuple[DType, str]]

    @property
    def schema(self) -> dict[str, DType]:
        """Polars schema in column order."""
        return {name: dtype for name, (dtype, _) in self.columns.items()}

    def frame(self, rows: list[dict[str, object]] | None = None) -> pl.DataFrame:
        """Return rows as a frame of this schema; an empty one without rows."""
        return pl.DataFrame(rows or [], schema=self.schema)


_EXPERIMENT: dict[str, tuple[DType, str]] = {
    "experiment_id": (pl.String, "Experiment, as in its file under experiments/."),
    "as_of": (pl.Date, "Last event day counted (publisher's time zone); absent for a table without dates."),
}
_CELL: dict[str, tuple[DType, str]] = {
    **_EXPERIMENT,
    "basis": (
        pl.String,
        "`exposed`: readers counted from the registered exposure; `viewed`: from the first view; `with_…` and `without_…`: as "
        "exposed, with one rule about readers turned round (see `special_readers`).",
    ),
    "segment_kind": (pl.String, "`all`, or the name of a segmentation fixed at first exposure, such as `device`."),
    "segment": (pl.String, "`all`, or the value of the segmentation; `unknown` where it was not sent."),
    "metric": (pl.String, "Metric (see the glossary)."),
}

SUFFICIENT_STATISTICS = ResultTable(
    "sufficient_statistics",
    "experiment, as_of, basis, segment_kind, segment, metric, epoch, variant",
    {
        **_CELL,
        "epoch": (pl.Int64, "Allocation epoch in which the reader was first exposed, from 0."),
        "variant_id": (pl.String, "Variant of the reader's first exposure."),
        "n": (pl.Int64, "Readers asked."),
        "x": (pl.Int64, "Readers whose value of the metric is above 0."),
        "s1": (pl.Float64, "Sum over readers of the metric (money: minor units). An exact integer up to 2^53."),
        "s2": (pl.Float64, "Sum over readers of the squared metric."),
        "top": (pl.Float64, "Largest value of one reader; absent where it is not known."),
        "d1": (pl.Float64, "Ratio metrics: sum over readers of the denominator; absent for all others."),
        "d2": (pl.Float64, "Ratio metrics: sum of the squared denominator."),
        "sd": (pl.Float64, "Ratio metrics: sum of the products of metric and denominator."),
    },
)

ESTIMATES = ResultTable(
    "estimates",
    "experiment, as_of, basis, segment_kind, segment, metric, variant (the control has no row)",
    {
        **_CELL,
        "variant_id": (pl.String, "Variant compared with the control."),
        "control_id": (pl.String, "The control."),
        "n_control": (pl.Int64, "Readers asked in the control."),
        "n": (pl.Int64, "Readers asked in the variant."),
        "x_control": (pl.Int64, "Readers of the control whose metric is above 0."),
        "x": (pl.Int64, "Readers of the variant whose metric is above 0."),
        "mean_control": (pl.Float64, "Mean per reader in the control (money: minor units)."),
        "mean": (pl.Float64, "Mean per reader in the variant."),
        "n_effective_control": (
            pl.Float64,
            "Effective number of gifts in the control, s1^2/s2 (Kish 1965); money only.",
        ),
        "n_effective": (pl.Float64, "Effective number of gifts in the variant; money only."),
        "log_ratio": (pl.Float64, "Logarithm of mean / mean_control, over all epochs."),
        "se": (pl.Float64, "Standard error of log_ratio."),
        "lift": (pl.Float64, "exp(log_ratio) - 1: 0.05 is five percent more than the control."),
        "fixed_low": (pl.Float64, "Lower 95 % limit of the lift for one look on a registered day."),
        "fixed_high": (pl.Float64, "Upper limit of the same interval."),
        "fixed_method": (
            pl.String,
            "`score_ratio` (Miettinen & Nurminen 1985), `log_t`, `log_normal`, `mantel_haenszel`.",
        ),
        "fixed_p": (pl.Float64, "Two-sided p of the fixed-horizon test of no difference."),
        "anytime_low": (pl.Float64, "Lower 95 % limit of the lift, valid however often one looks."),
        "anytime_high": (pl.Float64, "Upper limit of the same interval."),
        "log_e": (pl.Float64, "Logarithm of the e-value against no difference; never overflows."),
        "e_value": (pl.Float64, "e-value against no difference; 20 and more is proven at 5 %."),
        "planned_share": (pl.Float64, "With a registered end: information so far over that planned; else absent."),
        "planned_bound": (
            pl.Float64,
            "With a registered end: |log_ratio / se| that proves a difference.",
        ),
        "planned_low": (
            pl.Float64,
            "With a registered end: lower limit of the lift, valid up to it.",
        ),
        "planned_high": (pl.Float64, "Upper limit of the same interval."),
        "planned_sign": (
            pl.Int64,
            "With a registered end: 1 where a look so far went beyond its bound, -1 below it, 0 where none.",
        ),
        "planned_closed_at": (pl.Date, "The look that reached the registered end."),
        "difference_per_1000": (pl.Float64, "(mean - mean_control) x 1,000."),
        "difference_low": (pl.Float64, "anytime_low x mean_control x 1,000."),
        "difference_high": (pl.Float64, "anytime_high x mean_control x 1,000."),
        "difference_fixed_low": (
            pl.Float64,
            "Lower limit of difference_per_1000 at one registered look: Newcombe for rates, Welch for means. It needs no lift, and "
            "stands where the control has nothing; absent for ratio metrics and where shares changed.",
        ),
        "difference_fixed_high": (pl.Float64, "Upper limit of the same interval."),
        "shrunk_log_ratio": (pl.Float64, "Posterior mean of log_ratio under N(0, tau^2): what to expect from here on."),
        "shrunk_sd": (pl.Float64, "Posterior standard deviation of log_ratio."),
        "tau": (
            pl.Float64,
            "Scale of the prior used: learned from past tests, or 0.10 where fewer than 30 were found.",
        ),
        "tau_tests": (
            pl.Int64,
            "Past tests of metric and surface, soundly split, that ended before the month of this start; below 30 tau is 0.10.",
        ),
        "chance_better": (pl.Float64, "Posterior chance that the variant is better than the control."),
        "loss_variant_per_1000": (pl.Float64, "Expected loss of showing the variant instead of the better of the two."),
        "loss_control_per_1000": (pl.Float64, "Expected loss of showing the control instead of the better of the two."),
        "reason": (pl.String, "Why a number of this row is absent; null where none is."),
    },
)

VARIANT_RESULTS = ResultTable(
    "variant_results",
    "experiment, as_of, basis, segment_kind, segment, metric, variant (the control included)",
    {
        **_CELL,
        "variant_id": (pl.String, "Variant."),
        "is_control": (pl.Boolean, "True for the control."),
        "n": (pl.Int64, "Readers asked."),
        "x": (pl.Int64, "Readers whose metric is above 0."),
        "mean": (pl.Float64, "Mean per reader (money: minor units)."),
        "se": (pl.Float64, "Standard error of the mean."),
        "rate_low": (pl.Float64, "Lower 95 % Wilson limit of x / n (one look)."),
        "rate_high": (pl.Float64, "Upper 95 % Wilson limit of x / n (one look)."),
        "chance_best": (pl.Float64, "Posterior chance to be the best of all variants; primary metric, segment `all`."),
        "expected_loss_per_1000": (pl.Float64, "Posterior expected loss against the best of all variants; as above."),
        "advised_share": (
            pl.Float64,
            "Share advised for a next epoch, 5 % at least (docs/methods/allocation.md).",
        ),
        "advised_share_gentle": (pl.Float64, "The same, with a smaller change."),
        "reason": (pl.String, "Why a number of this row is absent."),
    },
)

CHECKS = ResultTable(
    "checks",
    "experiment, as_of, check_name (and variant or metric where the check has one)",
    {
        **_EXPERIMENT,
        "check_name": (pl.String, "Name of the trust check (docs/methods/trust-checks.md)."),
        "variant_id": (pl.String, "Variant concerned; absent where the check is about all."),
        "metric": (pl.String, "Metric concerned; absent where there is none."),
        "status": (pl.String, "`pass`, `warn`, `block`, or `not_applicable`."),
        "statistic": (pl.Float64, "What was measured (an e-value as its logarithm)."),
        "warn_at": (pl.Float64, "Statistic from which the check warns."),
        "block_at": (pl.Float64, "Statistic from which the check blocks the verdict."),
        "detail": (pl.String, "JSON object with the numbers that the sentence in the report names."),
        "reason": (pl.String, "Why the check is not applicable."),
    },
)

DECISIONS = ResultTable(
    "decisions",
    "experiment, as_of",
    {
        **_EXPERIMENT,
        "verdict": (pl.String, "fix_first, stop_harm, too_early, keep_asking, use_it, no_difference or cannot_tell."),
        "variant_id": (pl.String, "The variant the verdict speaks of; absent where it speaks of none."),
        "basis": (pl.String, "`proven` or `best_bet`; only with use_it."),
        "reasons": (pl.List(pl.String), "Codes of the rules that led here, in the order they were asked."),
        "primary_metric": (pl.String, "The registered primary metric."),
        "n_days": (pl.Int64, "Full days counted; absent for a table without dates."),
        "smallest_contributors": (pl.Int64, "Contributors in the variant that has fewest."),
        "best_variant_id": (pl.String, "Variant with the smallest expected loss."),
        "expected_loss_per_1000": (pl.Float64, "Expected loss of the best variant, in the primary metric's unit."),
        "loss_threshold_per_1000": (pl.Float64, "Loss at which a wording is used, in the same unit."),
        "proven_at": (pl.Date, "First day on which the e-value of the best variant reached 20; stays on record."),
        "forecast_even": (pl.Date, "Day by which an answer is as likely as not."),
        "forecast_sure": (pl.Date, "Day by which an answer has a chance of 90 %."),
        "forecast_reason": (pl.String, "Why there is no forecast."),
    },
)

ADJUSTED_ESTIMATES = ResultTable(
    "adjusted_estimates",
    "experiment, as_of, metric, variant, method (experiments that register covariates; the control has no row)",
    {
        **_EXPERIMENT,
        "metric": (pl.String, "Metric: the primary one, and `pageviews` where earlier visits are a covariate."),
        "variant_id": (pl.String, "Variant compared with the control."),
        "control_id": (pl.String, "The control."),
        "method": (
            pl.String,
            "`one_covariate` (earlier visits), `covariates` (all that are registered), `post_stratified` (classes of them).",
        ),
        "n_control": (pl.Int64, "Readers asked in the control."),
        "n": (pl.Int64, "Readers asked in the variant."),
        "mean_control": (pl.Float64, "Adjusted mean per reader in the control (money: minor units)."),
        "mean": (pl.Float64, "Adjusted mean per reader in the variant."),
        "log_ratio": (pl.Float64, "Logarithm of mean / mean_control."),
        "se": (pl.Float64, "Standard error of log_ratio."),
        "lift": (pl.Float64, "exp(log_ratio) - 1."),
        "anytime_low": (pl.Float64, "Lower 95 % limit of the lift, valid however often one looks."),
        "anytime_high": (pl.Float64, "Upper limit of the same interval."),
        "log_e": (pl.Float64, "Logarithm of the e-value against no difference."),
        "variance_kept": (
            pl.Float64,
            "Variance of log_ratio over that without adjustment: 0.5 halves the readers needed.",
        ),
        "reason": (pl.String, "Why a number of this row is absent."),
    },
)

OTHER_READINGS = ResultTable(
    "other_readings",
    "experiment, as_of, metric, variant, method (the control has no row)",
    {
        **_EXPERIMENT,
        "metric": (pl.String, "Metric: the primary one; others for corrections."),
        "variant_id": (pl.String, "Variant compared with the control."),
        "control_id": (pl.String, "The control."),
        "method": (pl.String, "Name of the method or the correction (docs/methods/other-methods.md)."),
        "holds_for": (
            pl.String,
            "`one_comparison`, `all_variants` of the test together, or `all_metrics` and variants together.",
        ),
        "looks": (pl.String, "`one` look on a registered day, or `any`."),
        "scale": (pl.String, "`lift`, or `difference_per_1000` readers (money: minor units)."),
        "estimate": (pl.Float64, "Estimate on that scale."),
        "low": (
            pl.Float64,
            "Lower limit at the registered level; absent where there is none.",
        ),
        "high": (pl.Float64, "Upper limit of the same interval."),
        "p": (pl.Float64, "Two-sided p, adjusted where the method is a correction."),
        "is_different": (pl.Boolean, "Whether the method calls them different."),
        "reason": (pl.String, "Why a number of this row is absent."),
    },
)

FUNNEL = ResultTable(
    "funnel",
    "experiment, as_of, variant, step",
    {
        **_EXPERIMENT,
        "variant_id": (pl.String, "Variant of the reader's first exposure (before it: of the first event)."),
        "step": (
            pl.String,
            "eligible, inserted, viewed, expanded, clicked, checkout_started, contributed, or dismissed, blocked, registered.",
        ),
        "readers": (pl.Int64, "Readers who reached the step before their outcome window ended."),
    },
)

SPECIAL_READERS = ResultTable(
    "special_readers",
    "experiment, as_of, mark, variant (marks that a reader of the experiment has)",
    {
        **_EXPERIMENT,
        "mark": (
            pl.String,
            "What is special: several_variants, linked_variants, overlap, already_giving, employees, crawlers, too_fast.",
        ),
        "variant_id": (pl.String, "Variant."),
        "rule": (pl.String, "What `[readers]` says of them: first, as_assigned, count or exclude."),
        "is_counted": (pl.Boolean, "False where the rule leaves them out."),
        "readers": (pl.Int64, "Exposed readers with the mark."),
        "exposed": (pl.Int64, "All exposed readers of the variant, left out or not."),
        "contributors": (pl.Int64, "Those with the mark who gave inside their window."),
        "value_minor": (pl.Int64, "What they gave, capped, in minor units of the reporting currency."),
    },
)

#: Routes that tie a gift to a variant, the strongest sign first.
TYING_ROUTES = ("field", "other_field", "click", "reader")

TIED_GIFTS = ResultTable(
    "tied_gifts",
    "experiment, as_of, variant, route",
    {
        **_EXPERIMENT,
        "variant_id": (pl.String, "Variant of the reader; of a gift that nothing ties, the one its form names."),
        "route": (
            pl.String,
            "What ties the gift: `field` (its form names the reader's variant), `click` (the reader clicked the appeal "
            "first), `reader` (the same id alone), `other_field` (the form names another variant); or why nothing does: "
            "`no_reader`, `not_exposed`, `outside_window`.",
        ),
        "is_tied": (pl.Boolean, "True where the gift is a reader's outcome."),
        "gifts": (pl.Int64, "Settled gifts of readers who count."),
        "value_minor": (pl.Int64, "Their sum before refunds, in minor units of the reporting currency."),
    },
)

STRANGERS = ResultTable(
    "strangers",
    "experiment, as_of, variant (with exposures that name no reader)",
    {
        **_EXPERIMENT,
        "variant_id": (pl.String, "Variant."),
        "exposures": (
            pl.Int64,
            "Exposures without a reader's id: counted, never followed, never taken for one reader.",
        ),
    },
)

#: Kept with each edition for its own front page; not published.
_COHORT_MONEY = (
    ("value", "value as the metric counts it (net of refunds, at most the registered cap)"),
    ("uncapped", "value without the cap"),
    ("annualised", "value with recurring gifts taken for a year"),
)

#: Readers added up as finely as `compare` cuts them. The newest edition alone has it: it is as large as many small cells.
COHORTS = ResultTable(
    "cohorts",
    "experiment, basis, allocation epoch, variant, first day, device, reader type",
    {
        "experiment_id": (pl.String, "Experiment."),
        "basis": (pl.String, "`exposed`: readers counted from the registered exposure; `viewed`: from the first view."),
        "epoch": (pl.Int64, "Allocation epoch in which the reader was first exposed, from 0."),
        "variant_id": (pl.String, "Variant of the reader's first exposure."),
        "first_day": (pl.Date, "Day on which the basis counts the reader first, in the publisher's time zone."),
        "device": (pl.String, "Kind of device at the first exposure."),
        "reader_type": (pl.String, "What was known of the reader at the first exposure."),
        "readers": (pl.Int64, "Readers."),
        "contributors": (pl.Int64, "Readers with a settled contribution inside the outcome window."),
        **{
            name: column
            for kind, meaning in _COHORT_MONEY
            for name, column in (
                (f"{kind}_givers", (pl.Int64, f"Readers whose {meaning} is above 0.")),
                (
                    f"{kind}_minor",
                    (pl.Int64, f"Sum over readers of {meaning}, in minor units of the reporting currency."),
                ),
                (f"{kind}_minor_squared", (pl.Decimal(38, 0), "Sum over readers of its square, exact.")),
            )
        },
    },
)

ARRIVALS = ResultTable(
    "arrivals",
    "experiment, day of the reader's first exposure, day on which something came",
    {
        "experiment_id": (pl.String, "Experiment, as in its file under experiments/."),
        "first_day": (pl.Date, "Day of the readers' first exposure (publisher's time zone)."),
        "outcome_day": (pl.Date, "Day on which it came; the last `sufficient.ARRIVAL_DAYS` days alone."),
        "outcomes": (pl.Int64, "Readers who contributed for the first time."),
        "refunds": (pl.Int64, "Refunds that are netted from a reader's value."),
        "taken_minor": (pl.Int64, "What these took back; absent after an erasure."),
    },
)

RESULT_TABLES = (
    SUFFICIENT_STATISTICS,
    ESTIMATES,
    ADJUSTED_ESTIMATES,
    OTHER_READINGS,
    VARIANT_RESULTS,
    CHECKS,
    DECISIONS,
    FUNNEL,
    SPECIAL_READERS,
    TIED_GIFTS,
    STRANGERS,
)

LEDGER = ResultTable(
    "ledger",
    "file ever landed and table that it brings rows to (one row per version of its content)",
    {
        "file_id": (pl.Int64, "Number of the file, in order of ingestion."),
        "kind": (pl.String, "Table of the contract."),
        "source": (pl.String, "Source whose mapping read the file; empty for a file in the contract's columns."),
        "path": (pl.String, "Path below the landing folder. Untrusted text."),
        "content_hash": (
            pl.String,
            "SHA-256 of the file's bytes, hexadecimal; of a source with a mark of its mapping.",
        ),
        "bytes": (pl.Int64, "Size of the file."),
        "received": (pl.Int64, "Rows in the file for the table; absent when it could not be read as a whole."),
        "accepted": (pl.Int64, "Rows in the warehouse."),
        "duplicate": (pl.Int64, "Rows whose key was already there."),
        "duplicate_exact": (
            pl.Int64,
            "Of these, rows that are the same in every value that is kept; absent for files read before Askwell told them apart.",
        ),
        "quarantined": (pl.Int64, "Rows set aside with a reason."),
        "passed_over": (pl.Int64, "Rows of the file that its mapping gives to no table; told of its first table."),
        "expired": (pl.Int64, "Accepted rows that retention has taken since."),
        "status": (
            pl.String,
            "`ingested`, `unreadable`, or `superseded`: by a newer content of the same path, or a newer edition of the same export.",
        ),
        "message": (pl.String, "Why the file could not be, or was never, read."),
        "ingested_at": (pl.Datetime("us"), "When, in UTC."),
        "run_id": (pl.String, "Run that ingested it."),
    },
)

QUARANTINE_REASONS = ResultTable(
    "quarantine_reasons",
    "file, reason, column",
    {
        "file_id": (pl.Int64, "File, as in `ledger`."),
        "kind": (pl.String, "Kind of the file."),
        "reason": (pl.String, "Why the rows were set aside, as a code (docs/contract.md)."),
        "column_name": (pl.String, "Column at fault; absent where the whole row is."),
        "rows": (pl.Int64, "Rows set aside for it."),
        "example": (
            pl.String,
            "One refused value, at most 80 characters, never of a column that names a person. Untrusted.",
        ),
    },
)

ROWS_PER_DAY = ResultTable(
    "rows_per_day",
    "kind, event day",
    {
        "kind": (pl.String, "Table of the contract."),
        "day": (pl.Date, "Day of the event in the publisher's time zone."),
        "rows": (pl.Int64, "Accepted rows of that day."),
        "without_reader": (pl.Int64, "Those of them that name no reader."),
        "bots": (pl.Int64, "Those of them marked as read by no person."),
    },
)

LEDGER_TABLES = (LEDGER, QUARANTINE_REASONS, ROWS_PER_DAY)

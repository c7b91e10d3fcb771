"""What `askwell analyze --json` prints. The schema is written down in docs/analyze.md; a change of it changes `FORMAT`.

Money is in major units, as in the table. A number that is null is named in the `absent` of its object, with the reason.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from analysis.inference.results import Reason
from analysis.metrics import METRICS
from analysis.table_results import NO_CURRENCY, TablePlan, TableResult, TableResults
from analysis.tables import Tallies
from askwell.analyze_text import average_gift, views_are_not_readers
from dashboards.phrasing.checks import checks_in_words
from dashboards.phrasing.verdicts import verdict_words
from dashboards.phrasing.voice import voice
from dashboards.phrasing.words import evidence_words, reason_words
from dashboards.reading import Reading

FORMAT = "askwell-analyze/1"

Row = Mapping[str, Any]


def as_document(
    found: TableResults,
    tallies: Tallies,
    plan: TablePlan,
    file: Path,
    *,
    is_split: bool,
    methods: Collection[str] = (),
) -> str:
    """Return the answer as JSON: one object, or one per test under `tests` where the file was split."""
    head: dict[str, object] = {
        "format": FORMAT,
        "file": file.name,
        "unit": plan.unit,
        "currency": None if plan.currency == NO_CURRENCY else plan.currency,
        "rows": {
            "read": tallies.rows,
            "without_variant": tallies.rows_without_variant,
            "without_test": tallies.rows_without_test,
        },
    }
    tests = [_test(test, tallies, plan, methods) for test in found.tests]
    body = (
        {"tests": tests, "refused": [{"test": name, "reason": reason} for name, reason in found.refused.items()]}
        if is_split
        else tests[0]
    )
    return json.dumps({**head, **body}, ensure_ascii=False, allow_nan=False, indent=2)


def _test(test: TableResult, tallies: Tallies, plan: TablePlan, methods: Collection[str]) -> dict[str, object]:
    writer = _Writer(test, 10.0**tallies.exponent)
    experiment = test.result.experiment
    segments = test.result.estimates.filter(pl.col("segment_kind") != "all")
    groups = segments.select("segment_kind", "segment").unique(maintain_order=True)
    return {
        "test": test.test,
        "control": test.control,
        "planned_shares": {
            "given": plan.shares is not None,
            "shares": {
                test.names[variant.id]: variant.share / sum(item.share for item in experiment.variants)
                for variant in experiment.ordered_variants
            },
        },
        "primary_metric": experiment.primary_metric,
        "alpha": experiment.alpha,
        "smallest_effect": experiment.smallest_effect,
        "cap": None if plan.cap_minor is None else plan.cap_minor / 10.0**tallies.exponent,
        "days": plan.days,
        "verdict": test.result.decision["verdict"],
        "decision": writer.decision(),
        "variants": writer.variants("all", "all"),
        "comparisons": writer.comparisons("all", "all"),
        "segments": [
            {
                "column": kind,
                "value": segment,
                "variants": writer.variants(kind, segment),
                "comparisons": writer.comparisons(kind, segment),
            }
            for kind, segment in groups.iter_rows()
        ],
        **({"other_readings": writer.other_readings(methods)} if methods else {}),
        "checks": writer.checks(),
        "checks_in_words": [
            {"check": words.name, "status": words.status, "sentence": words.sentence}
            for words in checks_in_words(writer.reading, writer.spoken)
        ],
        "notes": [*([views] if (views := views_are_not_readers(plan)) else []), *test.result.notes],
    }


class _Writer:
    """The tables of one test as plain objects, with the names of the table and money in major units."""

    def __init__(self, test: TableResult, scale: float) -> None:
        self.test, self.scale = test, scale
        self.reading = Reading(test.result)
        self.spoken = voice(test.result.audience)

    def variants(self, kind: str, segment: str) -> list[dict[str, object]]:
        here = (pl.col("segment_kind") == kind) & (pl.col("segment") == segment)
        rows: dict[tuple[str, str], Row] = {
            (row["metric"], row["variant_id"]): row
            for row in self.test.result.variant_results.filter(here).iter_rows(named=True)
        }
        sums = {
            (row["metric"], row["variant_id"]): row for row in self.test.statistics.filter(here).iter_rows(named=True)
        }
        primary = self.reading.primary
        found = []
        for variant_id, name in self.test.names.items():
            rate, value, raw = (rows.get((m, variant_id)) for m in ("conversion", "value", "value_uncapped"))
            best = rows.get((primary, variant_id))
            gift = average_gift(sums.get(("value", variant_id)))
            fields: dict[str, tuple[float | None, str | None]] = {
                "rate": self._of(rate, "mean"),
                "rate_se": self._of(rate, "se"),
                "rate_low": self._of(rate, "rate_low"),
                "rate_high": self._of(rate, "rate_high"),
                "mean": self._of(value, "mean", self.scale),
                "se": self._of(value, "se", self.scale),
                "mean_uncapped": (None, "same_as_mean") if raw is None and value else self._of(raw, "mean", self.scale),
                "se_uncapped": (None, "same_as_se") if raw is None and value else self._of(raw, "se", self.scale),
                "average_gift": (gift.mean and gift.mean / self.scale, gift.reason),
                "average_gift_se": (gift.se and gift.se / self.scale, gift.reason),
                "chance_best": self._of(best, "chance_best") if kind == "all" else (None, "only_overall"),
                "expected_loss_per_1000": self._of(best, "expected_loss_per_1000", self._unit(primary))
                if kind == "all"
                else (None, "only_overall"),
            }
            found.append(
                {
                    "variant": name,
                    "is_control": variant_id == self.test.result.experiment.control,
                    "n": 0 if rate is None else rate["n"],
                    "conversions": 0 if rate is None else rate["x"],
                    **{key: number for key, (number, _) in fields.items()},
                    "absent": {
                        key: reason or "not_counted" for key, (number, reason) in fields.items() if number is None
                    },
                }
            )
        return found

    @staticmethod
    def _of(row: Row | None, column: str, scale: float = 1.0) -> tuple[float | None, str | None]:
        if row is None:
            return None, "not_counted"
        return (None, row["reason"]) if row[column] is None else (row[column] / scale, None)

    def _unit(self, metric: str) -> float:
        known = METRICS.get(metric)
        return self.scale if known is not None and known.kind == "money" else 1.0

    def comparisons(self, kind: str, segment: str) -> list[dict[str, object]]:
        here = self.test.result.estimates.filter((pl.col("segment_kind") == kind) & (pl.col("segment") == segment))
        rows = here.to_dicts()
        closed = {
            (item.metric, item.arm.id): item.e_value
            for metric in here["metric"].unique(maintain_order=True)
            for item in self.reading.compared([row for row in rows if row["metric"] == metric])
        }
        return [self._comparison(row, closed.get((row["metric"], row["variant_id"]))) for row in rows]

    def _comparison(self, row: Row, closed: float | None) -> dict[str, object]:
        metric, scale = row["metric"], self._unit(row["metric"])
        experiment = self.test.result.experiment
        together = (
            len(experiment.variants) - 1 if metric == experiment.primary_metric and row["segment_kind"] == "all" else 1
        )
        absent: dict[str, str] = {}

        def number(key: str, column: str, scale: float = 1.0, *, side_of: str | None = None) -> float | None:
            value = row[column]
            if value is None:
                is_open = side_of is not None and row[side_of] is not None
                absent[key] = "open_side" if is_open else str(row["reason"] or Reason.NO_EXPOSURE)
                return None
            return value / scale

        def interval(key: str, low: str, high: str, scale: float = 1.0) -> dict[str, float | None]:
            return {
                "low": number(f"{key}.low", low, scale, side_of=high),
                "high": number(f"{key}.high", high, scale, side_of=low),
            }

        made = {
            "metric": metric,
            "variant": self.test.names[row["variant_id"]],
            "control": self.test.control,
            "n_control": row["n_control"],
            "n": row["n"],
            "contributors_control": row["x_control"],
            "contributors": row["x"],
            "lift": number("lift", "lift"),
            "log_ratio": number("log_ratio", "log_ratio"),
            "se": number("se", "se"),
            "fixed": {
                **interval("fixed", "fixed_low", "fixed_high"),
                "level": 1 - experiment.alpha,
                "p": number("fixed.p", "fixed_p"),
                "method": row["fixed_method"],
            },
            "anytime": {
                **interval("anytime", "anytime_low", "anytime_high"),
                "level": 1 - experiment.alpha,
                "variants_together": together,
            },
            "e_value": number("e_value", "e_value"),
            "log_e": number("log_e", "log_e"),
            "e_value_closed": closed if closed is None or math.isfinite(closed) else row["e_value"],
            "evidence": evidence_words(closed, self.spoken),
            "difference_per_1000": {
                "estimate": number("difference_per_1000.estimate", "difference_per_1000", scale),
                **interval("difference_per_1000", "difference_low", "difference_high", scale),
            },
            "difference_per_1000_fixed": interval(
                "difference_per_1000_fixed", "difference_fixed_low", "difference_fixed_high", scale
            ),
            "chance_better": number("chance_better", "chance_better"),
            "expected_loss_per_1000": {
                "variant": number("expected_loss_per_1000.variant", "loss_variant_per_1000", scale),
                "control": number("expected_loss_per_1000.control", "loss_control_per_1000", scale),
            },
            "shrunk": {
                "log_ratio": number("shrunk.log_ratio", "shrunk_log_ratio"),
                "sd": number("shrunk.sd", "shrunk_sd"),
                "tau": number("shrunk.tau", "tau"),
            },
        }
        if closed is None:
            absent["e_value_closed"] = str(row["reason"] or Reason.NO_EXPOSURE)
        reason = row["reason"]
        return {
            **made,
            "absent": absent,
            "reason": None if reason is None else reason_words(reason, self.spoken),
        }

    def other_readings(self, methods: Collection[str]) -> list[dict[str, object]]:
        """The comparison by the methods named, in their order; money in major units."""
        rows = self.test.result.other_readings.filter(pl.col("method").is_in(list(methods))).to_dicts()
        return [
            {
                "variant": self.test.names[row["variant_id"]],
                **{name: row[name] for name in ("metric", "method", "holds_for", "looks", "scale")},
                **{
                    name: row[name]
                    if row[name] is None or row["scale"] == "lift"
                    else row[name] / self._unit(row["metric"])
                    for name in ("estimate", "low", "high")
                },
                **{name: row[name] for name in ("p", "is_different", "reason")},
            }
            for row in rows
        ]

    def checks(self) -> list[dict[str, object]]:
        return [
            {
                "check": row["check_name"],
                "variant": self.test.names.get(row["variant_id"]),
                "metric": row["metric"],
                "status": row["status"],
                "statistic": row["statistic"],
                "warn_at": row["warn_at"],
                "block_at": row["block_at"],
                "detail": self._named(json.loads(row["detail"] or "{}"), is_money=row["check_name"] == "one_donor"),
                "reason": row["reason"],
            }
            for row in self.test.result.checks.iter_rows(named=True)
        ]

    def _named(self, detail: Mapping[str, Any], *, is_money: bool) -> dict[str, object]:
        """The detail of a check with the table's names in place of ids."""
        found: dict[str, object] = {}
        for key, value in detail.items():
            if isinstance(value, dict):
                found[key] = {self.test.names.get(name, name): number for name, number in value.items()}
            else:
                found[key] = value / self.scale if is_money and key in ("largest", "total") else value
        return found

    def decision(self) -> dict[str, object]:
        decision: dict[str, Any] = self.test.result.decision
        words = verdict_words(self.test.result)
        scale = self._unit(self.reading.primary)
        loss, threshold = decision["expected_loss_per_1000"], decision["loss_threshold_per_1000"]
        absent = {}
        if loss is None:
            absent["expected_loss_per_1000"] = "loss_unknown"
        if threshold is None:
            absent["loss_threshold_per_1000"] = "loss_unknown"
        return {
            "variant": self.test.names.get(decision["variant_id"]),
            "basis": decision["basis"],
            "reasons": list(decision["reasons"]),
            "badge": str(words.badge),
            "headline": words.headline,
            "standfirst": words.standfirst,
            "advice": words.advice,
            "money": words.money_line,
            "n_days": decision["n_days"],
            "smallest_contributors": decision["smallest_contributors"],
            "best_variant": self.test.names.get(decision["best_variant_id"]),
            "expected_loss_per_1000": None if loss is None else loss / scale,
            "loss_threshold_per_1000": None if threshold is None else threshold / scale,
            "forecast": None,
            "forecast_reason": decision["forecast_reason"],
            "absent": absent,
        }

"""What `askwell analyze` prints for people: the verdict in the words of the page, the figures, the checks, the gaps.

Plain text of at most 100 columns; names from the table are shortened where a line would not fit.
"""

from __future__ import annotations

import math
import shutil
import textwrap
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import typer

from analysis.inference.results import Reason
from analysis.table_results import TablePlan, TableResult, TableResults
from dashboards.phrasing.checks import CheckWords, checks_in_words
from dashboards.phrasing.methods import method_name, reading_words
from dashboards.phrasing.names import metric_name
from dashboards.phrasing.verdicts import decision_badge, verdict_words
from dashboards.phrasing.voice import Voice, voice
from dashboards.phrasing.words import evidence_words, plain, quoted, reason_words, sentence
from dashboards.reading import Comparison, Range, Reading

_NARROWEST, _WIDEST = 72, 100
_NOTHING = "–"
_MARKS = {"block": "✗", "warn": "!", "pass": "✓"}


@dataclass(frozen=True)
class AverageGift:
    """Mean value of the readers who gave and its standard error, in minor units; a description, never compared."""

    mean: float | None
    se: float | None
    reason: str | None = None


def average_gift(sums: Mapping[str, Any] | None) -> AverageGift:
    """Return the average gift of one variant from its row of `SUFFICIENT_STATISTICS` (metric `value`)."""
    if sums is None:
        return AverageGift(None, None, "not_counted")
    x, s1, s2 = sums["x"], sums["s1"], sums["s2"]
    if not x:
        return AverageGift(None, None, str(Reason.NO_CONVERSIONS_YET))
    mean = s1 / x
    if s2 is None:
        return AverageGift(mean, None, str(Reason.NO_SPREAD))
    if x < 2:
        return AverageGift(mean, None, str(Reason.TOO_FEW_GIFTS))
    return AverageGift(mean, math.sqrt(max(s2 - s1 * mean, 0.0) / (x - 1) / x))


def views_are_not_readers(plan: TablePlan) -> str | None:
    """Return what has to be said where views were counted; None where readers were."""
    if plan.unit == "reader":
        return None
    counted = "a row" if plan.readers_column is None else plain(plan.readers_column, 30)
    verb = "is a view" if plan.readers_column is None else "counts views"
    return (
        f"Views are not readers: {counted} {verb}, one reader may stand behind many, and every range may be too narrow."
    )


def as_text(found: TableResults, plan: TablePlan, file: Path, *, methods: Collection[str] = ()) -> str:
    """Return everything that is known of every test, for a terminal; by further `methods` where they are named."""
    width = max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns))
    several = len(found.tests) + len(found.refused) > 1 or found.tests[0].test is not None
    printed = [_Printed(test, plan, file.name, width, methods) for test in found.tests]
    gaps = [test.gaps() for test in printed]
    common = [text for text in gaps[0] if all(text in others for others in gaps)] if len(gaps) > 1 else []
    lines = []
    for test, unknown in zip(printed, gaps, strict=True):
        lines += [*test.lines([text for text in unknown if text not in common]), ""]
    if common:
        lines += [*_gap_lines("What is not known of any of these tests", common, width), ""]
    if found.refused:
        lines.append(_heading("Left out"))
        for name, reason in found.refused.items():
            lines += _item(f"{plain(name)}: {reason}.", "✗", width)
        lines.append("")
    if several:
        counts = Counter(str(decision_badge(test.result)) for test in found.tests)
        said = ", ".join(f"{count} {badge.lower()}" for badge, count in counts.most_common())
        out = f"; {len(found.refused)} left out" if found.refused else ""
        noun = "test" if len(found.tests) == 1 else "tests"
        lines += _wrapped(f"{plain(file.name, 60)}: {len(found.tests)} {noun} compared: {said}{out}.", width)
    return "\n".join(lines).rstrip()


class _Printed:
    """One test as lines."""

    def __init__(self, test: TableResult, plan: TablePlan, name: str, width: int, methods: Collection[str]) -> None:
        self.methods = methods
        self.test, self.plan, self.name, self.width = test, plan, name, width
        self.reading = Reading(test.result)
        self.spoken: Voice = voice(test.result.audience)
        self.sums = {
            (row["metric"], row["variant_id"]): row
            for row in test.statistics.filter(pl.col("segment_kind") == "all").iter_rows(named=True)
        }

    def lines(self, gaps: Sequence[str]) -> Iterator[str]:
        """Everything that is said of the test; `gaps` are the sentences on what is not known."""
        yield from self._first_lines()
        yield ""
        yield from self._verdict()
        yield ""
        yield from self._counted()
        yield ""
        yield from self._compared()
        yield from self._by_other_methods()
        yield from self._expected()
        yield from self._segments()
        yield ""
        yield from self._checks()
        if gaps:
            yield ""
            yield from _gap_lines("What is not known", gaps, self.width)

    # -- the parts -------------------------------------------------------------------------------------------------------

    def _first_lines(self) -> Iterator[str]:
        test, spoken = self.test, self.spoken
        where = plain(self.name, 60) if test.test is None else plain(test.test, 60)
        shares = test.result.experiment.ordered_variants
        if self.plan.shares is None:
            split = "planned shares not given, equal ones assumed"
        else:
            split = f"planned shares {', '.join(f'{plain(item.name, 30)} = {item.share:g}' for item in shares)}"
        yield from _wrapped(
            f"{where}: {spoken.count(self.reading.all_readers)} {spoken.words.readers} in {len(shares)} variants; {split}.",
            self.width,
        )
        chosen = "" if self.plan.control is not None else " (name another with --control)"
        yield from _wrapped(
            f"The control, “the current wording” below, is {quoted(test.control, self.spoken, 60)}{chosen}.", self.width
        )
        views = views_are_not_readers(self.plan)
        if views is not None:
            yield from _wrapped(views, self.width)

    def _verdict(self) -> Iterator[str]:
        words = verdict_words(self.test.result)
        yield from (_heading(line) for line in _wrapped(f"{words.badge}. {words.headline}.", self.width))
        yield from _wrapped(f"{words.standfirst} {words.advice}", self.width)
        if self.reading.has_money:
            yield from _wrapped(f"Money: {words.money_line}", self.width)

    def _counted(self) -> Iterator[str]:
        spoken, has_money = self.spoken, self.reading.has_money
        unit = spoken.words.readers
        has_raw = any(("value_uncapped", arm.id) in self.sums for arm in self.reading.arms)
        head = ["", unit, "gave", "per 100,000"]
        if has_money:
            head += [f"value per 1,000 {unit}", "± se", "average gift"]
        if has_raw:
            head.insert(6, "uncapped")
        rows = []
        for arm in self.reading.arms:
            rate = self.reading.variant_rows.get(("conversion", arm.id))
            n, x, mean = (None, None, None) if rate is None else (rate["n"], rate["x"], rate["mean"])
            row = [
                arm.variant.label,
                _NOTHING if n is None else spoken.count(n),
                _NOTHING if x is None else spoken.count(x),
                _NOTHING if mean is None else spoken.per_100_000(mean),
            ]
            if has_money:
                value = self.reading.variant_rows.get(("value", arm.id), {})
                gift = average_gift(self.sums.get(("value", arm.id)))
                row += [
                    _said(value.get("mean"), lambda m: spoken.money(m * 1_000)),
                    _said(value.get("se"), lambda m: spoken.money(m * 1_000)),
                    _said(gift.mean, spoken.money),
                ]
            if has_raw:
                raw = self.reading.variant_rows.get(("value_uncapped", arm.id), {})
                row.insert(6, _said(raw.get("mean"), lambda m: spoken.money(m * 1_000)))
            rows.append(row)
        yield _heading("What was counted")
        yield from _table(head, rows, self.width)

    def _compared(self) -> Iterator[str]:
        level = f"{(1 - self.test.result.experiment.alpha) * 100:.3g} %"
        head = ["", "lift", f"{level} range, any look", "e-value", f"{level} range, one look", "p"]
        rows: list[list[str]] = []
        for metric in dict.fromkeys(metric for metric, _ in self.reading.comparisons):
            rows.append([f"{metric_name(metric, self.spoken)} {self.spoken.unit_of(metric)}".replace(" asked", "")])
            rows += [
                self._comparison(found)
                for arm in self.reading.others
                if (found := self.reading.comparison(arm.id, metric))
            ]
        yield _heading(f"Compared with {quoted(self.test.control, self.spoken)}")
        yield from _table(head, rows, self.width)
        several = len(self.reading.others)
        if several > 1:
            yield from _wrapped(
                f"The any-look ranges of {self.spoken.inside(metric_name(self.reading.primary, self.spoken))} hold for all "
                f"{several} comparisons together.",
                self.width,
            )
        strength = [
            f"{quoted(found.arm.variant.label, self.spoken, 30)}: {evidence_words(found.e_value, self.spoken)}"
            for arm in self.reading.others
            if (found := self.reading.comparison(arm.id)) and found.e_value is not None
        ]
        if strength:
            yield from _wrapped(
                f"Evidence on {self.spoken.inside(metric_name(self.reading.primary, self.spoken))}: {'; '.join(strength)} "
                "(an e-value of 20 proves a difference, however often one looks).",
                self.width,
            )

    def _by_other_methods(self) -> Iterator[str]:
        rows = self.test.result.other_readings.filter(pl.col("method").is_in(list(self.methods))).to_dicts()
        if not rows:
            return
        yield ""
        yield _heading("By other methods")
        lines: list[list[str]] = []
        for metric in dict.fromkeys(row["metric"] for row in rows):
            lines.append([metric_name(metric, self.spoken)])
            lines += [
                [
                    f"  {self.reading.arm_by_id[row['variant_id']].variant.label}",
                    method_name(row["method"], self.spoken),
                    reading_words(row, self.spoken),
                    _said(row["p"], _p),
                ]
                for row in rows
                if row["metric"] == metric
            ]
        yield from _table(["", "method", "difference and range", "p"], lines, self.width)

    def _comparison(self, found: Comparison) -> list[str]:
        spoken = self.spoken
        fixed = Range(found.number("fixed_low"), found.number("fixed_high"))
        return [
            f"  {found.arm.variant.label}",
            _said(found.number("lift"), lambda lift: spoken.percent(lift, plus=True, digits=1)),
            self._limits(found.lift_range),
            _said(found.number("e_value"), _e_value),
            self._limits(fixed),
            _said(found.number("fixed_p"), _p),
        ]

    def _limits(self, within: Range) -> str:
        if not within.is_known:
            return _NOTHING
        low, high = (
            "open" if side is None else self.spoken.percent(side, plus=True, digits=1)
            for side in (within.low, within.high)
        )
        return f"{low} to {high}"

    def _expected(self) -> Iterator[str]:
        """What lies ahead, shrunk; only for the metric that decides."""
        metric, spoken = self.reading.primary, self.spoken
        lines = []
        for arm in self.reading.others:
            found = self.reading.comparison(arm.id)
            if found is None:
                continue
            chance, variant, control = (
                found.number(column) for column in ("chance_better", "loss_variant_per_1000", "loss_control_per_1000")
            )
            if chance is None or variant is None or control is None:
                continue
            lines.append(
                [
                    f"  {arm.variant.label}",
                    spoken.percent(chance, digits=1),
                    spoken.difference(metric, variant, plus=False),
                    spoken.difference(metric, control, plus=False),
                ]
            )
        if not lines:
            return
        decision = self.test.result.decision
        threshold = decision["loss_threshold_per_1000"]
        yield ""
        yield _heading(
            f"Expected from here on: {spoken.inside(metric_name(metric, spoken))} {spoken.unit_of(metric).replace(' asked', '')}, "
            "shrunk towards no difference"
        )
        yield from _table(["", "chance to be better", "loss if used", "loss if not used"], lines, self.width)
        if isinstance(threshold, float):
            share = spoken.percent(self.test.result.experiment.loss_threshold)
            yield from _wrapped(
                f"A wording is used when its expected loss is at most {spoken.difference(metric, threshold, plus=False)} "
                f"({share} of the current wording).",
                self.width,
            )

    def _segments(self) -> Iterator[str]:
        frame = self.test.result.estimates.filter(
            (pl.col("segment_kind") != "all") & (pl.col("metric") == self.reading.primary)
        )
        if frame.is_empty():
            return
        spoken = self.spoken
        control = {(row["segment_kind"], row["segment"]): row["n_control"] for row in frame.iter_rows(named=True)}
        rows: list[list[str]] = []
        for (kind, segment), part in frame.partition_by(
            "segment_kind", "segment", as_dict=True, maintain_order=True
        ).items():
            readers = int(part["n"].sum()) + control[kind, segment]
            rows.append(
                [f"{plain(str(kind), 24)} = {plain(str(segment), 24)}: {spoken.count(readers)} {spoken.words.readers}"]
            )
            for found in self.reading.compared(part.to_dicts()):
                if found.lift_range.is_known:
                    rows.append(self._comparison(found))
                    continue
                fewest = min(int(found.number("x") or 0), int(found.number("x_control") or 0))
                why = spoken.inside(reason_words(found.reason, spoken, contributors=fewest))
                rows.append([f"  {plain(found.arm.variant.label, 30)}: {why}"])
        yield ""
        yield _heading(f"By group: {spoken.inside(metric_name(self.reading.primary, spoken))}")
        yield from _table(["", "lift", "any look", "e-value", "one look", "p"], rows, self.width)
        yield from _wrapped("Exploratory: some group always looks better than another by chance.", self.width)

    def _checks(self) -> Iterator[str]:
        yield _heading("Can it be trusted?")
        asked = [words for words in self._check_words() if words.status != "not_applicable"]
        for words in asked:
            yield from _item(f"{words.name}: {words.sentence}", _MARKS.get(words.status, "!"), self.width)
        rest = [self.spoken.inside(words.name) for words in self._check_words() if words.status == "not_applicable"]
        if rest:
            yield from _item(
                f"Not asked, since a table like this does not say: {'; '.join(rest)}.", _NOTHING, self.width
            )

    def _check_words(self) -> Sequence[CheckWords]:
        return checks_in_words(self.reading, self.spoken)

    def gaps(self) -> list[str]:
        """What is not known, as sentences, each once."""
        return list(dict.fromkeys(self._gap_sentences()))

    def _gap_sentences(self) -> Iterator[str]:
        spoken, experiment = self.spoken, self.test.result.experiment
        by_reason: dict[tuple[str, str], list[Comparison]] = {}
        for comparison in self.reading.comparisons.values():
            if comparison.reason is not None:
                by_reason.setdefault((comparison.metric, comparison.reason), []).append(comparison)
        for (metric, reason), found in by_reason.items():
            fewest = min(int(item.number(column) or 0) for item in found for column in ("x", "x_control"))
            names = [quoted(item.arm.variant.label, spoken) for item in found]
            subject = metric_name(metric, spoken)
            if len(names) < len(self.reading.others):
                subject = f"{subject} of {spoken.listed(names)}"
            yield sentence(f"{subject}: {spoken.inside(reason_words(reason, spoken, contributors=fewest))}")
        yield from self.test.result.notes
        if not self.reading.has_money:
            yield "The table has no money: what a contribution is worth was not compared."
        if self.plan.days is None:
            yield "The table has no dates: whether it covers at least seven full days, and when an answer is due, cannot be said."
        else:
            yield "The table has no dates: when an answer is due cannot be said."
        if experiment.smallest_effect is None:
            yield "No smallest effect that matters was given (--smallest-effect), so “no difference” was not asked."


# -- lines -----------------------------------------------------------------------------------------------------------------


def _heading(text: str) -> str:
    return typer.style(text, bold=True)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _gap_lines(heading: str, gaps: Sequence[str], width: int) -> list[str]:
    return [_heading(heading), *(line for text in gaps for line in _item(text, "·", width))]


def _item(text: str, mark: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=f"  {mark} ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Lines of a table: first column left and shortened to fit, the others right. A row of one cell is a subheading."""
    cells = [row for row in rows if len(row) > 1]
    widths = [max(len(row[i]) for row in [head, *cells]) for i in range(len(head))]
    left = width - sum(widths[1:]) - 2 * len(head)
    if left < min(widths[0], 16):
        head = _two_lines(head)
        widths = [
            max([len(line) for line in head[i].split("\n")] + [len(row[i]) for row in cells]) for i in range(len(head))
        ]
        left = width - sum(widths[1:]) - 2 * len(head)
    first = max(min(max(widths[0], 1), left), 10)
    for line in zip(*_padded(head), strict=True):
        cells_of_line = zip(line[1:], widths[1:], strict=True)
        yield (f"  {'':<{first}}" + "".join(f"  {cell:>{size}}" for cell, size in cells_of_line)).rstrip()
    for row in rows:
        if len(row) == 1:
            yield f"  {row[0]}"
            continue
        indent = len(row[0]) - len(row[0].lstrip())
        name = " " * indent + plain(row[0], first - indent)
        yield f"  {name:<{first}}" + "".join(
            f"  {cell:>{size}}" for cell, size in zip(row[1:], widths[1:], strict=True)
        )


def _two_lines(head: Sequence[str]) -> list[str]:
    """Headings broken in two near the middle."""
    return ["\n".join(textwrap.wrap(text, max(len(text) // 2 + 2, 8))[:2]) if len(text) > 9 else text for text in head]


def _padded(head: Sequence[str]) -> list[list[str]]:
    lines = [text.split("\n") for text in head]
    most = max(len(text) for text in lines)
    return [[""] * (most - len(text)) + text for text in lines]


def _said(number: float | None, say: Any) -> str:
    return _NOTHING if number is None else say(number)


def _p(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _e_value(e_value: float) -> str:
    if e_value >= 1e6:
        return f"{e_value:.0e}"
    return f"{e_value:,.0f}" if e_value >= 100 else f"{e_value:.1f}" if e_value >= 10 else f"{e_value:.2f}"

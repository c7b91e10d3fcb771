"""Guardrails in words: what must not get worse, and whether it did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from analysis.metrics import METRICS, Metric
from dashboards.phrasing.voice import Voice
from dashboards.reading import Comparison
from dashboards.translations import marked

GuardrailState = Literal["kept", "open", "broken", "unknown"]


def guardrail_state(comparison: Comparison, margin: float, metrics: Mapping[str, Metric] = METRICS) -> GuardrailState:
    """Return where a guardrail's anytime range lies: inside its margin, across it, wholly beyond it, or not known.

    Where more is worse (dismissals) the range is read with its sign turned.
    """
    known = metrics.get(comparison.metric)
    low, high = comparison.lift_range.low, comparison.lift_range.high
    if known is not None and known.direction == "less_is_better":
        low, high = (None if high is None else -high), (None if low is None else -low)
    if high is not None and high < -margin:
        return "broken"
    if low is None:
        return "unknown" if high is None else "open"
    return "kept" if low >= -margin else "open"


_GUARDRAIL_STATES: Mapping[GuardrailState, str] = {
    "kept": marked("Inside the {share} allowed."),
    "open": marked("Not settled: the range crosses the {share} allowed."),
    "broken": marked("Beyond the {share} allowed, with the whole range."),
    "unknown": marked("No range yet."),
}


def guardrail_words(state: GuardrailState, margin: float, spoken: Voice) -> str:
    """Return the state of a guardrail as a sentence."""
    return spoken.say(_GUARDRAIL_STATES[state], share=spoken.margin(margin))

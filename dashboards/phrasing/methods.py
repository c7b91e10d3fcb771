"""Other methods in words: what each is called, and what it says of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboards.phrasing.voice import Voice
from dashboards.reading import Range
from dashboards.translations import marked

_NAMES = {
    "score_ratio": marked("Score interval of the ratio"),
    "wilson_ratio": marked("Wilson interval of the ratio"),
    "exact_conditional": marked("Exact interval of the ratio"),
    "mid_p": marked("Exact test, mid-p"),
    "newcombe": marked("Newcombe interval of the difference"),
    "score_difference": marked("Score interval of the difference"),
    "log_t": marked("Log ratio with Student's t"),
    "fieller": marked("Fieller interval of the ratio"),
    "welch": marked("Welch interval of the difference"),
    "dunnett": marked("All wordings together, Dunnett step by step"),
    "holm": marked("All wordings together, Holm"),
    "benjamini_hochberg": marked("All further metrics together, Benjamini-Hochberg"),
    "e_bh": marked("All further metrics together, e-values"),
}


def method_name(method: str, spoken: Voice) -> str:
    """Return what a method of `other_readings` is called."""
    return spoken.say(_NAMES[method])


def reading_words(row: Mapping[str, Any], spoken: Voice) -> str:
    """Return the estimate with its range on the method's own scale; a dash where it gives none."""
    if row["estimate"] is None:
        return "—"
    within = Range(row["low"], row["high"])
    if row["scale"] == "lift":
        estimate = spoken.percent(row["estimate"], plus=True, digits=1)
        said = spoken.percent_range(within) if within.is_known else ""
    else:
        estimate = spoken.difference(row["metric"], row["estimate"])
        said = spoken.difference_range(row["metric"], within) if within.is_known else ""
    return f"{estimate} ({said})" if said else estimate

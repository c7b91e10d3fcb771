"""Small readable tables for the tests of the inference: one experiment with two variants unless a test says more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from analysis.registry import GUARDRAIL_SCHEMA, PLAN_SCHEMA, SHARE_SCHEMA
from analysis.result_tables import SUFFICIENT_STATISTICS
from analysis.sufficient import EXPOSURE_COUNT_SCHEMA


def plan(experiment: str = "appeal", **changes: Any) -> pl.DataFrame:
    """One registered plan."""
    row = {
        "experiment_id": experiment,
        "primary_metric": "value",
        "alpha": 0.05,
        "smallest_effect": None,
        "guarantee": "anytime",
        "planned_information": None,
        "loss_threshold": 0.002,
        "minimum_days": 7,
        "minimum_contributors": 100,
        "maximum_days": 42,
        "starts": date(2026, 3, 1),
        "planned_end": date(2026, 4, 11),
        **changes,
    }
    return pl.DataFrame([row], schema=PLAN_SCHEMA)


def split(
    *epochs: Mapping[str, float], experiment: str = "appeal", control: str = "a", is_registered: bool = True
) -> pl.DataFrame:
    """Planned shares of each epoch; even between `a` and `b` where none is given."""
    return pl.DataFrame(
        [
            {
                "experiment_id": experiment,
                "epoch": epoch,
                "variant_id": variant,
                "position": position,
                "is_control": variant == control,
                "share": share / sum(shares.values()),
                "is_registered": is_registered,
            }
            for epoch, shares in enumerate(epochs or ({"a": 1.0, "b": 1.0},))
            for position, (variant, share) in enumerate(shares.items())
        ],
        schema=SHARE_SCHEMA,
    )


def guard(metric: str = "pageviews", margin: float = 0.02, experiment: str = "appeal") -> pl.DataFrame:
    """One registered guardrail."""
    return pl.DataFrame([{"experiment_id": experiment, "metric": metric, "margin": margin}], schema=GUARDRAIL_SCHEMA)


def no_guardrails() -> pl.DataFrame:
    """A registry without guardrails."""
    return pl.DataFrame(schema=GUARDRAIL_SCHEMA)


def row(variant: str, n: int, x: int | None, **changes: Any) -> dict[str, object]:
    """One row of sufficient statistics; conversion of `n` readers of whom `x` gave, unless changed."""
    return {
        "experiment_id": "appeal",
        "as_of": date(2026, 3, 20),
        "basis": "exposed",
        "segment_kind": "all",
        "segment": "all",
        "metric": "conversion",
        "epoch": 0,
        "variant_id": variant,
        "n": n,
        "x": x,
        "s1": x,
        "s2": x,
        "top": 1.0 if x else None,
        **changes,
    }


def money(variant: str, n: int, x: int, s1: float, s2: float | None, **changes: Any) -> dict[str, object]:
    """One row of value: `x` of `n` readers gave `s1` minor units in all, with sum of squares `s2`."""
    return row(variant, n, x, **{"metric": "value", "s1": s1, "s2": s2, "top": None, **changes})


def statistics(rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """A table of sufficient statistics."""
    return SUFFICIENT_STATISTICS.frame([dict(r) for r in rows])


def counts(variant: str, n: int, **changes: Any) -> dict[str, object]:
    """One row of exposure counts: every reader had a view, none saw a second variant, all windows are closed."""
    return {
        "experiment_id": "appeal",
        "as_of": date(2026, 3, 20),
        "epoch": 0,
        "variant_id": variant,
        "n": n,
        "n_viewed": n,
        "n_contaminated": 0,
        "n_immature": 0,
        **changes,
    }


def exposures(rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """A table of exposure counts."""
    return pl.DataFrame([dict(r) for r in rows], schema=EXPOSURE_COUNT_SCHEMA)

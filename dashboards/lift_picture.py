"""A picture for notebooks: how the lift of each variant grew, with its range, as a Plotly figure of its own."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl


def lift_over_time(evidence: pl.DataFrame) -> go.Figure:
    """Return the lift of each variant by day: a line, and a band where a day has a range.

    Args:
        evidence: Rows of `estimates` of one experiment and metric over all days, one a day and variant, as
            `Published.evidence` gives them: `as_of`, `variant_id`, `lift`, `anytime_low`, `anytime_high` (shares). Days
            without a lift are left out; an open side of a range is not drawn.
    """
    figure = go.Figure()
    known = evidence.drop_nulls("lift").sort("variant_id", "as_of")
    for (variant,), rows in known.group_by("variant_id", maintain_order=True):
        banded = rows.drop_nulls(["anytime_low", "anytime_high"])
        name = str(variant).replace("<", "&lt;")
        figure.add_scatter(
            x=[*banded["as_of"], *reversed(banded["as_of"])],
            y=[*banded["anytime_high"], *reversed(banded["anytime_low"])],
            fill="toself",
            mode="none",
            hoverinfo="skip",
            opacity=0.3,
            name=f"{name}: range",
            legendgroup=name,
        )
        figure.add_scatter(
            x=rows["as_of"].to_list(), y=rows["lift"].to_list(), mode="lines", name=name, legendgroup=name
        )
    figure.update_layout(yaxis_tickformat="+.0%", xaxis_title="Counted to", yaxis_title="Lift")
    return figure

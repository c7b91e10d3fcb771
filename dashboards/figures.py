"""Live Plotly figures, by pure functions from the data of `charts.py`, as plain JSON for the page.

Colours are tokens (`var(--arm-b)`): `go.Figure` validates them, `app.js` puts the theme's values in their place. The
template is empty and ticks carry their own labels, so that a figure weighs little and speaks the page's locale. Text from
outside is escaped: Plotly reads `<b>` and `<a href>` in text. Nothing is estimated here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
from markupsafe import Markup

from dashboards import svg
from dashboards.charts import Axis, Evidence, EvidencePanel, Split, StepDot, Steps, TraitForest
from dashboards.reading import Range
from dashboards.theme import SANS, colour

_DAY_MS = 86_400_000

#: Panels of the evidence chart up to which each day has its text under the pointer.
MOST_HOVERED = 3


def evidence(chart: Evidence) -> go.Figure:
    """Return the evidence over time: per variant a band (anytime range) and a line (estimate), panels above each other.

    Traces come in threes a panel: upper edge, lower edge filled to it, line. x is the day, y the difference in the unit
    printed; hover tells day, estimate and range.
    """
    traces = [
        trace
        for index, panel in enumerate(chart.panels)
        for trace in _panel_traces(chart, panel, "" if index == 0 else str(index + 1))
    ]
    height = svg.evidence_height(len(chart.panels), narrow=False)
    return go.Figure(data=traces, layout={**_layout(height), **_evidence_axes(chart, narrow=False)})


def _panel_traces(chart: Evidence, panel: EvidencePanel, suffix: str) -> tuple[go.Scatter, go.Scatter, go.Scatter]:
    days = [point.day.isoformat() for point in panel.points]
    # Every day has its point: the edges name the first and count on, which saves a page of six wordings 2 kB.
    first, last = panel.points[0].day, panel.points[-1].day
    is_daily = (last - first).days == len(panel.points) - 1
    along: dict[str, Any] = {"x0": days[0], "dx": _DAY_MS} if is_daily else {"x": days}
    # The texts under the pointer of four panels and more weigh 8 kB; the table and the CSV under the chart hold them too.
    is_light = len(chart.panels) > MOST_HOVERED
    hover: dict[str, Any] = (
        {"hoverinfo": "skip"}
        if is_light
        else {"text": [escaped(point.hover) for point in panel.points], "hovertemplate": "%{text}<extra></extra>"}
    )

    def edge(side: str, open_at: float) -> list[float | None]:
        return [
            None if not point.range.is_known else (open_at if value is None else value)
            for point in panel.points
            for value in [getattr(point.range, side)]
        ]

    axes = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
    unseen = {
        **axes,
        "mode": "lines",
        "line": {"width": 0, "color": colour(panel.token)},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    upper = go.Scatter(**along, y=edge("high", chart.axis.high), name="upper", **unseen)
    lower = go.Scatter(
        **along,
        y=edge("low", chart.axis.low),
        name="lower",
        fill="tonexty",
        fillcolor=colour(f"{panel.token}-band"),
        **unseen,
    )
    line = go.Scatter(
        **axes,
        x=days,
        y=[point.difference for point in panel.points],
        name=escaped(panel.name),
        mode="lines",
        line={"width": 2.5, "color": colour(panel.token)},
        showlegend=False,
        **hover,
    )
    return upper, lower, line


def evidence_narrow(chart: Evidence) -> Mapping[str, Any]:
    """Return the layout of `evidence` for a phone."""
    height = svg.evidence_height(len(chart.panels), narrow=True)
    return go.Layout({**_layout(height), **_evidence_axes(chart, narrow=True)}).to_plotly_json()


def _evidence_axes(chart: Evidence, *, narrow: bool) -> dict[str, Any]:
    left, right, top, bottom = svg.EVIDENCE_MARGINS[narrow]
    height = svg.evidence_height(len(chart.panels), narrow=narrow)
    each = height / len(chart.panels)
    inner = height - top - bottom
    days = chart.days if not narrow else chart.days[::-1][::2][::-1]
    layout: dict[str, Any] = {
        "margin": {"l": left, "r": right, "t": top, "b": bottom, "pad": 0},
        "annotations": [],
        "shapes": [],
    }
    for index, panel in enumerate(chart.panels):
        suffix = "" if index == 0 else str(index + 1)
        # domains count from the bottom of the inner area, in shares of it
        high = 1 - index * each / inner
        low = max(0.0, high - (each - top - bottom) / inner)
        layout[f"xaxis{suffix}"] = {
            "anchor": f"y{suffix}",
            "domain": [0, 1],
            "range": [chart.first.isoformat(), chart.last.isoformat()],
            "type": "date",
            "tickvals": [day.isoformat() for day, _ in days],
            "ticktext": [label for _, label in days],
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
            "ticks": "",
        }
        layout[f"yaxis{suffix}"] = {
            "anchor": f"x{suffix}",
            "domain": [low, high],
            "range": [chart.axis.low, chart.axis.high],
            "tickvals": list(chart.axis.ticks),
            "ticktext": list(chart.axis.labels),
            "gridcolor": colour("grid"),
            "gridwidth": 1,
            "zeroline": True,
            "zerolinecolor": colour("zero"),
            "zerolinewidth": 1.5,
            "fixedrange": True,
            "ticks": "",
            "ticklabelstandoff": 6,
        }
        layout["annotations"] += _panel_words(chart, panel, suffix, high, narrow=narrow)
        if panel.mark is not None:
            layout["shapes"].append(
                {
                    "type": "line",
                    "xref": f"x{suffix}",
                    "yref": f"y{suffix} domain",
                    "x0": panel.mark[0].isoformat(),
                    "x1": panel.mark[0].isoformat(),
                    "y0": 0,
                    "y1": 1,
                    "line": {"color": colour("mute"), "width": 1.5, "dash": "dot"},
                }
            )
    return layout


def _panel_words(
    chart: Evidence, panel: EvidencePanel, suffix: str, high: float, *, narrow: bool
) -> list[dict[str, Any]]:
    plain = {"showarrow": False, "font": {"size": 15, "color": colour("ink")}}
    strong = {**plain, "font": {"size": 15, "color": colour(panel.token), "weight": 650}}
    longest = 26 if narrow else 60
    name = panel.name if len(panel.name) <= longest else f"{panel.name[: longest - 1].rstrip()}…"
    words: list[dict[str, Any]] = [
        {
            **strong,
            "text": escaped(f"{panel.letter}  {name}"),
            "xref": "paper",
            "yref": "paper",
            "x": 0,
            "y": high,
            "xanchor": "left",
            "yanchor": "bottom",
            "yshift": 14,
        },
    ]
    known = [point for point in panel.points if point.difference is not None]
    if known:
        at = max(chart.axis.low, min(chart.axis.high, known[-1].difference or 0.0))
        words.append(
            {
                **strong,
                "text": panel.end,
                "xref": "paper",
                "yref": "paper",
                "x": 1,
                "y": high,
                "xanchor": "right",
                "yanchor": "bottom",
                "yshift": 14,
            }
            if narrow
            else {
                **strong,
                "text": panel.end,
                "xref": "paper",
                "yref": f"y{suffix}",
                "x": 1,
                "y": at,
                "xanchor": "left",
                "xshift": 10,
            }
        )
    if panel.mark is not None:
        place = chart.place_day(panel.mark[0])
        is_late = place > (0.35 if narrow else 0.7)
        words.append(
            {**plain, "font": {"size": 13, "color": colour("mute")}, "text": panel.mark[1], "xref": f"x{suffix}", "yref": f"y{suffix} domain", "x": panel.mark[0].isoformat(), "y": 1, "xanchor": "right" if is_late else "left", "yanchor": "top", "xshift": -4 if is_late else 4, "align": "left"}
        )  # fmt: skip
    return words


def steps(chart: Steps) -> go.Figure:
    """Return the change of each step's ratio against the current wording: one trace of dots a variant.

    x is the change as a share of the control's ratio (0.04 = four percent more), y the step, first step on top.
    """
    traces: list[go.Bar | go.Scatter] = []
    names = sorted({(dot.letter, dot.token, dot.name) for row in chart.rows for dot in row.dots})
    for letter, token, name in names:
        found = [(index, dot, row) for index, row in enumerate(chart.rows) for dot in row.dots if dot.letter == letter]
        places = [
            index + svg.step_offset(row.dots.index(dot), len(row.dots)) / svg.STEP_HEIGHT[False]
            for index, dot, row in found
        ]
        traces.append(
            go.Bar(
                x=[dot.change for _, dot, _ in found],
                y=places,
                orientation="h",
                width=0.05,
                marker={"color": colour(token), "line": {"width": 0}},
                hoverinfo="skip",
                showlegend=False,
                name=f"{escaped(name)} from zero",
            )
        )
        traces.append(
            go.Scatter(
                x=[dot.change for _, dot, _ in found],
                y=places,
                mode="markers",
                name=escaped(name),
                marker={"size": 12, "color": colour(token), "line": {"width": 1.5, "color": colour("paper")}},
                text=[escaped(f"{row.name}, {dot.letter}: {dot.text}") for _, dot, row in found],
                hovertemplate="%{text}<extra></extra>",
                cliponaxis=False,
                showlegend=False,
            )
        )
    height = svg.steps_height(len(chart.rows), narrow=False)
    return go.Figure(data=traces, layout={**_layout(height), **_steps_axes(chart, narrow=False)})


def steps_narrow(chart: Steps) -> Mapping[str, Any]:
    """Return the layout of `steps` for a phone, where the label stands above its row."""
    height = svg.steps_height(len(chart.rows), narrow=True)
    return go.Layout({**_layout(height), **_steps_axes(chart, narrow=True)}).to_plotly_json()


def _steps_axes(chart: Steps, *, narrow: bool) -> dict[str, Any]:
    left, right, top, bottom = svg.STEP_MARGINS[narrow]
    height = svg.STEP_HEIGHT[narrow]
    # on a phone the dots stand 46 px below the top of a row of 66 px, on a wide screen in its middle
    shift = (46 - height / 2) / height if narrow else 0.0
    annotations: list[dict[str, Any]] = []
    plain = {"showarrow": False, "xref": "paper", "yref": "y", "align": "left"}
    for index, row in enumerate(chart.rows):
        name = {**plain, "text": escaped(row.name), "font": {"size": 15, "color": colour("ink"), "weight": 600}}
        note = {**plain, "text": escaped(row.note), "font": {"size": 13, "color": colour("mute")}}
        if narrow:
            behind = {"bgcolor": colour("paper"), "borderpad": 2}
            annotations.append(
                {**name, **behind, "x": 0, "y": index, "xanchor": "left", "yanchor": "middle", "yshift": 31}
            )
            for place, dot in enumerate(reversed(row.dots[: svg.MOST_BESIDE])):
                annotations.append(
                    {**_beside(dot, index), **behind, "xanchor": "right", "xshift": -72 * place, "yshift": 31}
                )
            if not row.dots:
                annotations.append({**note, "x": 0, "y": index, "xanchor": "left", "yshift": 10})
            continue
        annotations.append({**name, "x": 0, "y": index, "xanchor": "left", "xshift": 10 - left, "yshift": 7})
        annotations.append({**note, "x": 0, "y": index, "xanchor": "left", "xshift": 10 - left, "yshift": -10})
        if len(row.dots) <= 3:
            for position, dot in enumerate(row.dots):
                offset = (position - (len(row.dots) - 1) / 2) * 15
                annotations.append({**_beside(dot, index), "xanchor": "left", "xshift": 14, "yshift": -offset})
    return {
        "margin": {"l": left, "r": right, "t": top, "b": bottom, "pad": 0},
        "annotations": annotations,
        "bargap": 0,
        "barmode": "overlay",
        "xaxis": _zero_axis(chart.axis),
        "yaxis": {
            "range": [len(chart.rows) - 0.5 - shift, -0.5 - shift],
            "visible": False,
            "fixedrange": True,
        },
    }


def split(chart: Split) -> go.Figure:
    """Return what each step adds to a difference as floating bars; x a share of the control's value, first step on top."""
    bar = go.Bar(
        x=[row.end - row.start for row in chart.rows],
        base=[row.start for row in chart.rows],
        y=list(range(len(chart.rows))),
        orientation="h",
        width=16 / svg.SPLIT_HEIGHT[False],
        marker={"color": [colour(chart.token if row.is_total else "weak") for row in chart.rows], "line": {"width": 0}},
        text=[escaped(f"{row.name}: {row.text}") for row in chart.rows],
        textposition="none",
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
    height = svg.split_height(len(chart.rows), narrow=False)
    return go.Figure(data=[bar], layout={**_layout(height), **_split_axes(chart, narrow=False)})


def split_narrow(chart: Split) -> Mapping[str, Any]:
    """Return the layout of `split` for a phone, where the label stands above its bar."""
    height = svg.split_height(len(chart.rows), narrow=True)
    return go.Layout({**_layout(height), **_split_axes(chart, narrow=True)}).to_plotly_json()


def _split_axes(chart: Split, *, narrow: bool) -> dict[str, Any]:
    left, right, top, bottom = svg.SPLIT_MARGINS[narrow]
    height = svg.SPLIT_HEIGHT[narrow]
    shift = (40 - height / 2) / height if narrow else 0.0
    annotations: list[dict[str, Any]] = []
    for index, row in enumerate(chart.rows):
        token = colour(chart.token if row.is_total else "weak")
        common = {"showarrow": False, "xref": "paper", "yref": "y", "y": index, "yanchor": "middle"}  # fmt: skip
        shifted = {"yshift": 24 if narrow else 0}
        name = {"text": escaped(row.name), "font": {"size": 15, "color": colour("ink"), "weight": 600}}
        said = {"text": escaped(row.text), "font": {"size": 13.5, "color": token, "weight": 600}}
        annotations.append(
            {**common, **shifted, **name, "x": 0, "xanchor": "left", "xshift": 0 if narrow else 10 - left}
        )
        annotations.append(
            {**common, **shifted, **said, "x": 1, "xanchor": "right", "xshift": 0 if narrow else right - 10}
        )
    return {
        "margin": {"l": left, "r": right, "t": top, "b": bottom, "pad": 0},
        "annotations": annotations,
        "xaxis": _zero_axis(chart.axis),
        "yaxis": {"range": [len(chart.rows) - 0.5 - shift, -0.5 - shift], "visible": False, "fixedrange": True},
    }


def trait_forest(chart: TraitForest) -> go.Figure:
    """Return effects of traits, x a share, largest on top: range as bar, one new pair of texts as thin line, two dots."""
    places = list(range(len(chart.rows)))
    colours = [colour(row.token) for row in chart.rows]
    hover = [escaped(f"{row.name}: {row.text} · {row.note}") for row in chart.rows]

    def sides(within: Range) -> tuple[float, float]:
        low = chart.axis.low if within.low is None else max(within.low, chart.axis.low)
        high = chart.axis.high if within.high is None else min(within.high, chart.axis.high)
        return low, high

    def bars(ranges: list[tuple[float, float]], pixels: float, opacity: float) -> go.Bar:
        return go.Bar(
            x=[high - low for low, high in ranges],
            base=[low for low, _ in ranges],
            y=places,
            orientation="h",
            width=pixels / svg.TRAIT_HEIGHT[False],
            marker={"color": colours, "line": {"width": 0}},
            opacity=opacity,
            hoverinfo="skip",
            showlegend=False,
        )

    def dots(values: list[float], marker: dict[str, Any]) -> go.Scatter:
        return go.Scatter(
            x=values, y=places, mode="markers", marker=marker, text=hover, hovertemplate="%{text}<extra></extra>",
            cliponaxis=False, showlegend=False,
        )  # fmt: skip

    ranges = [sides(row.range) for row in chart.rows]
    traces = [
        bars([sides(row.pair) for row in chart.rows], 1, 0.55),
        bars(ranges, 12, 0.28),
        bars(ranges, 2, 1.0),
        dots([row.value for row in chart.rows], {"size": 13, "color": colours, "line": {"width": 1.5, "color": colour("paper")}}),
        dots([row.raw for row in chart.rows], {"size": 9, "symbol": "circle-open", "color": colours, "line": {"width": 1.5, "color": colours}}),
    ]  # fmt: skip
    height = svg.trait_height(len(chart.rows), narrow=False)
    return go.Figure(data=traces, layout={**_layout(height), **_trait_axes(chart, narrow=False)})


def trait_forest_narrow(chart: TraitForest) -> Mapping[str, Any]:
    """Return the layout of `trait_forest` for a phone, where the label stands above its row."""
    height = svg.trait_height(len(chart.rows), narrow=True)
    return go.Layout({**_layout(height), **_trait_axes(chart, narrow=True)}).to_plotly_json()


def _trait_axes(chart: TraitForest, *, narrow: bool) -> dict[str, Any]:
    left, right, top, bottom = svg.TRAIT_MARGINS[narrow]
    height = svg.TRAIT_HEIGHT[narrow]
    shift = (42 - height / 2) / height if narrow else 0.0
    annotations: list[dict[str, Any]] = []
    for index, row in enumerate(chart.rows):
        common = {"showarrow": False, "xref": "paper", "yref": "y", "y": index, "yanchor": "middle", "yshift": 26 if narrow else 0}  # fmt: skip
        name = {"text": escaped(row.name), "font": {"size": 15, "color": colour("ink"), "weight": 600}}
        value = {"text": escaped(row.text), "font": {"size": 13.5, "color": colour(row.token), "weight": 600}}
        note = {"text": escaped(row.note), "font": {"size": 13, "color": colour("mute")}}
        annotations.append({**common, **name, "x": 0, "xanchor": "left", "xshift": 0 if narrow else 10 - left})
        if narrow:
            annotations.append({**common, **value, "x": 1, "xanchor": "right"})
            annotations.append({**common, **note, "x": 1, "xanchor": "right", "xshift": -60})
        else:
            annotations.append({**common, **value, "x": 1, "xanchor": "left", "xshift": 16})
            annotations.append({**common, **note, "x": 1, "xanchor": "left", "xshift": 76})
    return {
        "margin": {"l": left, "r": right, "t": top, "b": bottom, "pad": 0},
        "annotations": annotations,
        "barmode": "overlay",
        "bargap": 0,
        "xaxis": _zero_axis(chart.axis),
        "yaxis": {"range": [len(chart.rows) - 0.5 - shift, -0.5 - shift], "visible": False, "fixedrange": True},
    }


def _zero_axis(axis: Axis) -> dict[str, Any]:
    """An axis of shares with its zero line, that cannot be dragged."""
    return {
        "range": [axis.low, axis.high],
        "tickvals": list(axis.ticks),
        "ticktext": list(axis.labels),
        "gridcolor": colour("grid"),
        "zeroline": True,
        "zerolinecolor": colour("zero"),
        "zerolinewidth": 1.5,
        "fixedrange": True,
        "ticks": "",
    }


def _beside(dot: StepDot, row: int) -> dict[str, Any]:
    """The change of one variant as an annotation at the right end of its row."""
    return {
        "showarrow": False,
        "xref": "paper",
        "yref": "y",
        "x": 1,
        "y": row,
        "text": escaped(f"{dot.letter}  {dot.text}"),
        "font": {"size": 13.5, "color": colour(dot.token), "weight": 600},
    }


def _layout(height: float) -> dict[str, Any]:
    return {
        "height": height,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": SANS, "size": 13, "color": colour("mute")},
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": colour("card"), "bordercolor": colour("rule"), "font": {"family": SANS, "size": 14, "color": colour("ink")}, "align": "left"},
        "dragmode": False,
        "showlegend": False,
    }  # fmt: skip


def escaped(text: str) -> str:
    """Return outside text so that Plotly shows it as it is: its labels read a little HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def figure_json(figure: go.Figure, narrow: Mapping[str, Any]) -> Markup:
    """Return data, layout and the narrow layout as JSON that is safe inside `<script type="application/json">`."""
    content = {**figure.to_dict(), "narrow": dict(narrow)}
    content["layout"].pop("template", None)  # Plotly's default one weighs more than the rest of the figure
    text = json.dumps(_rounded(content), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - no character is left that could end the script element


def _rounded(value: Any) -> Any:
    """Return the same with numbers in six significant digits: a third of the weight, nothing to see."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value

"""Charts as data: traces, axes, units and labels; never pixels."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from xml.etree import ElementTree

import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards import figures, svg
from dashboards.blocks import Page, Picture
from dashboards.charts import Axis, Evidence, EvidencePanel, EvidencePoint, axis_of, clear_of_zero, day_ticks
from dashboards.experiment.page import experiment_report
from dashboards.reading import Range
from tests.dashboards import builders
from tests.dashboards.builders import HOSTILE_NAME, STORIES, tell

FIRST = date(2026, 10, 17)


def point(day: int, difference: float | None, low: float | None, high: float | None) -> EvidencePoint:
    return EvidencePoint(FIRST + timedelta(days=day), difference, Range(low, high), f"day {day}")


def evidence(points: list[EvidencePoint], name: str = "Because of you") -> Evidence:
    panel = EvidencePanel("B", "arm-b", name, tuple(points), "+£5.00", None)
    axis = axis_of([-10, 20], str)
    last = points[-1].day
    return Evidence((panel,), axis, day_ticks(FIRST, last, date.isoformat), FIRST, last, "label")


def test_evidence_has_a_band_and_a_line_in_the_colour_of_its_variant() -> None:
    figure = figures.evidence(evidence([point(0, 2, -8, 12), point(1, 5, 1, 9)]))
    upper, lower, line = figure.data
    assert list(upper.y) == [12, 9]
    assert list(lower.y) == [-8, 1]
    assert lower.fill == "tonexty"
    assert lower.fillcolor == "var(--arm-b-band)"
    assert list(line.y) == [2, 5]
    assert list(line.x) == ["2026-10-17", "2026-10-18"]
    assert line.line.color == "var(--arm-b)"
    assert figure.layout.yaxis.zerolinewidth == 1.5
    assert tuple(figure.layout.yaxis.ticktext) == evidence([point(0, 2, -8, 12), point(1, 5, 1, 9)]).axis.labels


def test_a_day_without_a_range_has_a_line_and_no_band() -> None:
    upper, lower, line = figures.evidence(evidence([point(0, 2, None, None), point(1, 5, 1, 9)])).data
    assert list(upper.y) == [None, 9]
    assert list(lower.y) == [None, 1]
    assert list(line.y) == [2, 5]


def test_an_open_side_of_a_range_reaches_the_end_of_the_axis() -> None:
    chart = evidence([point(0, 2, None, 12), point(1, 5, 1, None)])
    upper, lower, _ = figures.evidence(chart).data
    assert lower.y[0] == chart.axis.low
    assert upper.y[1] == chart.axis.high


def test_text_from_outside_cannot_speak_plotly_html() -> None:
    chart = evidence([point(0, 2, -8, 12), point(1, 5, 1, 9)], name="<a href='javascript:alert(1)'>x</a>")
    text = figures.figure_json(figures.evidence(chart), figures.evidence_narrow(chart))
    assert "<" not in text
    loaded = json.loads(text)
    assert "&lt;a href" in json.dumps(loaded["layout"]["annotations"])


def test_the_phone_layout_is_as_high_as_its_static_twin() -> None:
    chart = evidence([point(0, 2, -8, 12), point(1, 5, 1, 9)])
    assert figures.evidence_narrow(chart)["height"] == svg.evidence_height(1, narrow=True)
    assert figures.evidence(chart).layout.height == svg.evidence_height(1, narrow=False)


def test_plotly_refuses_a_colour_that_is_no_token() -> None:
    """Why figures are built by graph_objects: a wrong word is an error, not Plotly's default blue."""
    with pytest.raises(ValueError, match="color"):
        go.Scatter(line={"color": "arm-b"})


@pytest.mark.parametrize(
    ("lows", "since", "spell"),
    [
        ([-1, 1, 2], 1, None),
        ([-1, 1, -1], None, (1, 2)),
        ([1, -1, 1, 2], 2, (0, 1)),
        ([-1, -1], None, None),
    ],
)
def test_clear_of_zero_is_since_when_without_a_break(
    lows: list[float], since: int | None, spell: tuple[int, int] | None
) -> None:
    points = [point(day, low + 2, low, low + 4) for day, low in enumerate(lows)]
    found = clear_of_zero(points)
    expected_spell = None if spell is None else tuple(FIRST + timedelta(days=day) for day in spell)
    assert found == (None if since is None else FIRST + timedelta(days=since), expected_spell)


@given(st.lists(st.floats(-1e7, 1e7, allow_nan=False), min_size=1, max_size=8))
def test_an_axis_holds_every_value_and_zero_with_a_handful_of_ticks(values: list[float]) -> None:
    axis = axis_of(values, str)
    assert all(-1e-9 <= axis.place(value) <= 1 + 1e-9 for value in (*values, 0.0))
    assert 1 <= len(axis.ticks) <= 7
    assert len(axis.ticks) == len(axis.labels)
    assert all(-1e-9 <= axis.place(tick) <= 1 + 1e-9 for tick in axis.ticks)


@pytest.mark.parametrize("span", [1, 6, 23, 41, 400])
def test_day_ticks_are_few_and_hold_the_last_day(span: int) -> None:
    ticks = day_ticks(FIRST, FIRST + timedelta(days=span), date.isoformat)
    assert ticks[-1][0] == FIRST + timedelta(days=span)
    assert len(ticks) <= 6


def pictures(page: Page) -> list[Picture]:
    return [block for section in page.sections for block in section.blocks if isinstance(block, Picture)]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.id)
def test_every_picture_is_sound_and_has_words_and_a_table_under_it(story: builders.Story) -> None:
    page = experiment_report(tell(story))
    for section in page.sections:
        kinds = [block.kind for block in section.blocks]
        assert kinds.count("picture") == 0 or "table" in kinds[kinds.index("picture") :]
    for picture in pictures(page):
        for drawing in (picture.wide, picture.narrow):
            root = ElementTree.fromstring(drawing)  # noqa: S314 - our own drawing
            assert root.attrib["role"] == "img"
            assert len(root.attrib["aria-label"]) > 20
        assert picture.figure is not None
        figure = json.loads(picture.figure)
        assert {"data", "layout", "narrow"} <= set(figure)
        assert "template" not in figure["layout"] or not figure["layout"]["template"]
        assert len(picture.figure) < 80_000
        assert len(picture.wide) < 20_000


def test_a_hostile_name_is_escaped_in_static_drawings() -> None:
    drawing = svg.strip(Axis(-1, 1, (0,), ("0",)), "arm-b", 0.5, Range(0.1, 0.9), HOSTILE_NAME)
    assert "<script" not in drawing
    assert ElementTree.fromstring(drawing).attrib["aria-label"].startswith("<script>")  # noqa: S314 - our own drawing


def test_a_range_beyond_the_axis_ends_in_an_arrow() -> None:
    axis = Axis(-1, 1, (0,), ("0",))
    assert svg.strip(axis, "arm-b", 0, Range(-0.5, 0.5), "").count("arrow") == 0
    assert svg.strip(axis, "arm-b", 0, Range(-5, 0.5), "").count("arrow") == 1
    assert svg.strip(axis, "arm-b", 0, Range(None, None), "").count("band") == 0


def test_steps_with_few_readers_are_listed_not_drawn() -> None:
    arms = (builders.Arm(3_000, 20), builders.Arm(3_000, 24))
    page = experiment_report(tell(replace(builders.KEEP_ASKING, arms=arms)))
    figure = json.loads(next(picture for picture in pictures(page) if picture.id == "funnel-chart").figure or "")
    drawn = {text for trace in figure["data"] for text in trace.get("text", [])}
    assert not any(text.startswith("Contributed") for text in drawn)

"""The picture for notebooks shows the lifts and ranges of its frame, and nothing for days without them."""

from __future__ import annotations

from datetime import date

import polars as pl

from dashboards.lift_picture import lift_over_time


def test_each_variant_has_its_line_and_the_band_of_its_known_ranges() -> None:
    days = [date(2026, 10, day) for day in (3, 1, 2)]
    figure = lift_over_time(
        pl.DataFrame(
            {
                "as_of": days,
                "variant_id": ["b", "b", "b"],
                "lift": [0.12, None, 0.1],
                "anytime_low": [0.05, None, None],
                "anytime_high": [0.2, None, 0.4],
            }
        )
    )
    band, line = figure.data
    assert (list(line.x), list(line.y)) == ([date(2026, 10, 2), date(2026, 10, 3)], [0.1, 0.12])
    assert (list(band.x), list(band.y)) == ([date(2026, 10, 3)] * 2, [0.2, 0.05])


def test_a_frame_without_a_lift_gives_an_empty_picture() -> None:
    schema = {"as_of": pl.Date, "variant_id": pl.String, "lift": pl.Float64, "anytime_low": pl.Float64}
    assert not lift_over_time(pl.DataFrame(schema=schema | {"anytime_high": pl.Float64})).data

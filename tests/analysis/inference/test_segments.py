"""Effects by group of readers."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from analysis.inference import pooling
from analysis.inference.estimates import estimate
from analysis.inference.segments import SEGMENT_EFFECT_SCHEMA, segment_effects
from tests.analysis.inference.tables import plan, row, split, statistics


def _estimates(kinds: dict[str, list[tuple[int, int]]]) -> pl.DataFrame:
    rows = [row("a", 90_000, 900), row("b", 90_000, 950)]
    rows += [
        row(v, 20_000, x, segment_kind=kind, segment=f"{kind}-{k}")
        for kind, pairs in kinds.items()
        for k, pair in enumerate(pairs)
        for v, x in zip(("a", "b"), pair, strict=True)
    ]
    return estimate(statistics(rows), plan(), split())


KINDS = {
    "device": [(200, 260), (400, 380), (150, 190), (60, 40), (300, 420)],
    "section": [(200, 205), (210, 200), (190, 193), (300, 310), (150, 148), (90, 93)],
    "reader_type": [(300, 330), (200, 210), (0, 12)],
}


def test_all_segmentations_at_once_equal_each_alone() -> None:
    estimates = _estimates(KINDS)
    found = segment_effects(estimates)
    assert found.schema == pl.Schema(SEGMENT_EFFECT_SCHEMA)
    for kind in ("device", "section"):
        own = estimates.filter(pl.col("segment_kind") == kind)
        y, s2 = own["log_ratio"].to_numpy(), own["se"].to_numpy() ** 2
        part = found.filter(pl.col("segment_kind") == kind)
        expected = pooling.shrink(y, s2, pooling.reml(y, s2).tau2)
        q, p = pooling.cochran_q(y, s2)
        assert part["shrunk_log_ratio"].to_numpy() == pytest.approx(expected.estimate, abs=1e-9)
        assert part["shrunk_se"].to_numpy() == pytest.approx(expected.se, abs=1e-9)
        assert part["segment_tau"][0] ** 2 == pytest.approx(pooling.reml(y, s2).tau2, abs=1e-10)
        assert (part["q"][0], part["q_p"][0]) == pytest.approx((q, p))
        assert np.log1p(part["shrunk_high"].to_numpy()) == pytest.approx(
            expected.estimate + 1.959964 * expected.se, abs=1e-6
        )


def test_groups_that_differ_are_told_from_groups_that_do_not() -> None:
    found = segment_effects(_estimates(KINDS))
    p = dict(found.select("segment_kind", "q_p").unique().iter_rows())
    assert p["device"] < 0.01
    assert p["section"] > 0.9
    assert found.filter(pl.col("segment_kind") == "section")["segment_tau"][0] == 0


def test_few_groups_are_not_shrunk_and_a_group_without_a_lift_keeps_its_reason() -> None:
    part = segment_effects(_estimates(KINDS)).filter(pl.col("segment_kind") == "reader_type")
    assert part["segments"].to_list() == [2, 2, 2]
    assert part["shrunk_log_ratio"].to_list() == [None, None, None]
    assert part["reason"].to_list() == ["too_few_segments", "too_few_segments", "no_conversion_in_control"]
    assert part["q_p"][0] is not None


def test_a_table_without_segments_gives_no_rows() -> None:
    assert segment_effects(_estimates({})).is_empty()
    with pytest.raises(ValueError, match="level"):
        segment_effects(_estimates({}), level=1.0)

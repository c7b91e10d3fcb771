"""Agreement of two codings: kappa and its interval against a worked example and another tool."""

from __future__ import annotations

import pytest

from analysis.wording.agreement import kappa


def test_kappa_is_agreement_beyond_chance_with_its_interval() -> None:
    """20 both yes, 15 both no, 5 and 10 apart of 50: the worked example of Cohen's coefficient has 0.4."""
    found = kappa(20, 5, 10, 15)
    assert found is not None
    assert found.value == pytest.approx(0.4)
    # statsmodels 0.15.0: cohens_kappa([[20, 5], [10, 15]]).kappa_low, kappa_upp.
    assert (found.low, found.high) == (pytest.approx(0.151092290476661), pytest.approx(0.6489077095233389))


@pytest.mark.parametrize("cells", [(20, 5, 10, 15), (40, 3, 2, 155), (1, 9, 8, 82), (12, 0, 1, 17)])
def test_the_interval_is_that_of_another_tool(cells: tuple[int, int, int, int]) -> None:
    tool = pytest.importorskip("statsmodels.stats.inter_rater")
    known = tool.cohens_kappa([[cells[0], cells[1]], [cells[2], cells[3]]])
    found = kappa(*cells)
    assert found is not None
    assert found.value == pytest.approx(known.kappa)
    assert (found.low, found.high) == (pytest.approx(known.kappa_low), pytest.approx(min(known.kappa_upp, 1.0)))


def test_where_all_texts_are_alike_there_is_no_kappa() -> None:
    assert kappa(5, 0, 0, 0) is None
    assert kappa(0, 0, 0, 0) is None
    full = kappa(6, 0, 0, 6)
    assert full is not None
    assert (full.value, full.low, full.high) == (1, 1, 1)

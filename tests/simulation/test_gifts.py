"""The law of the gifts: what is drawn agrees with what is integrated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.simulation import gifts
from analysis.simulation.draws import reader_integer, reader_uniform, stream
from analysis.simulation.gifts import DONATION, MEMBERSHIP, Tariff
from analysis.simulation.sizes import EVENTS_PER_READER, bench

POUNDS = dict.fromkeys(gifts.CURRENCIES, 1.0) | {"JPY": 1 / 200}


@pytest.mark.parametrize("cap", [50.0, 300.0])
@pytest.mark.parametrize(
    "tariff", [DONATION, MEMBERSHIP, replace(DONATION, tilt=0.5)], ids=["gift", "member", "tilted"]
)
def test_the_integrated_value_is_the_mean_of_many_draws(tariff: Tariff, cap: float) -> None:
    random = stream(1, "test")
    amounts, _ = gifts.draw(tariff, 400_000, random)
    fate = random.random(amounts.size)
    net = np.where(fate < gifts.FULL_REFUND_SHARE, 0.0, amounts)
    half = (fate >= gifts.FULL_REFUND_SHARE) & (fate < gifts.FULL_REFUND_SHARE + gifts.HALF_REFUND_SHARE)
    net = np.minimum(np.where(half, amounts / 2, net), cap)
    assert gifts.expected_value(tariff, POUNDS, cap) == pytest.approx(net.mean(), abs=4 * net.std() / np.sqrt(net.size))


def test_a_tilted_form_brings_larger_gifts() -> None:
    plain, tilted = (gifts.expected_value(replace(DONATION, tilt=tilt), POUNDS, 300.0) for tilt in (0.0, 0.34))
    assert plain < tilted


def test_capped_gifts_vary_as_gifts_do() -> None:
    amounts, recurrence = gifts.draw(DONATION, 400_000, stream(2, "test"))
    capped = np.minimum(amounts, 300.0)
    assert 1.0 < capped.var() / capped.mean() ** 2 < 2.5
    assert amounts.max() > 5_000
    assert np.mean(recurrence != gifts.ONCE) == pytest.approx(0.20, abs=0.005)


@pytest.mark.parametrize("seconds", [30.0, 200.0, 3_600.0, 86_400.0, 604_800.0])
def test_the_law_of_delays_is_that_of_their_draws(seconds: float) -> None:
    drawn = gifts.delays(400_000, stream(3, "test"))
    chance = float(gifts.share_given_within(np.array([seconds]))[0])
    assert chance == pytest.approx(np.mean(drawn <= seconds), abs=0.004)


def test_no_gift_comes_before_its_appeal() -> None:
    assert gifts.share_given_within(np.array([-3600.0]))[0] == 0.0
    assert gifts.delays(10_000, stream(4, "test")).min() >= 0


def test_a_readers_uniform_does_not_depend_on_who_else_is_asked() -> None:
    all_of_them = reader_uniform(np.arange(1_000), 1, "variant")
    assert np.array_equal(all_of_them[[7, 3]], reader_uniform(np.array([7, 3]), 1, "variant"))
    assert 0.0 <= all_of_them.min() < all_of_them.max() < 1.0
    assert abs(np.corrcoef(all_of_them, reader_uniform(np.arange(1_000), 1, "group"))[0, 1]) < 0.15
    assert abs(np.corrcoef(all_of_them, reader_uniform(np.arange(1_000), 2, "variant"))[0, 1]) < 0.15


def test_reader_ids_differ() -> None:
    assert np.unique(reader_integer(np.arange(200_000), 1, "id")).size == 200_000


def test_bench_sizes_are_by_events_and_refuse_too_few() -> None:
    assert bench(10_000_000).readers * EVENTS_PER_READER == pytest.approx(10_000_000, rel=1e-6)
    with pytest.raises(ValueError, match="n_events = 5"):
        bench(5)

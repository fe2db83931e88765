"""Arrivals at a rate as data: how many, how far apart, and the same for every client."""

from __future__ import annotations

from hashlib import sha256
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from loadgen.loads import arrivals
from loadgen.loads.rate import expected
from loadgen.model import Cell, ClientId, Level, Load, RateStage
from tests.lab.cells import cell

SECOND = 1_000_000_000
KINDS = ("constant", "poisson", "gamma")


def at_rate(rate: float, seconds: float, kind: str = "poisson", **changes: Any) -> Cell:
    load = Load(arrivals=kind, duration=seconds, shape=changes.pop("shape", None))
    return cell(level=Level(rate=rate), load=load, **changes)


def staged(kind: str, *rates: tuple[float, float], shape: float | None = None) -> Cell:
    load = Load(arrivals=kind, rates=tuple(RateStage(to, over) for to, over in rates), shape=shape)
    return cell(level=Level(rate=max(to for to, _ in rates)), load=load)


def dues(of: Cell) -> list[int]:
    return [arrival.due for arrival in arrivals(of)]


def gaps(of: Cell) -> NDArray[np.float64]:
    return np.diff(np.array([0, *dues(of)])) / 1e9


@pytest.mark.parametrize(("rate", "seconds"), [(4.0, 10.0), (300.0, 2.0), (0.7, 20.0)])
def test_constant_arrivals_are_exact(rate: float, seconds: float) -> None:
    found = dues(at_rate(rate, seconds, "constant"))
    assert found == [round(k / rate * SECOND) for k in range(round(rate * seconds))]


@given(st.sampled_from(KINDS), st.floats(0.1, 300), st.floats(0.1, 5), st.integers(0, 99))
def test_as_many_arrive_as_were_asked_for(kind: str, rate: float, seconds: float, seed: int) -> None:
    found = dues(at_rate(rate, seconds, kind, seed=seed, shape=0.3 if kind == "gamma" else None))
    assert len(found) == round(rate * seconds)
    assert found == sorted(found)
    assert all(0 <= due < seconds * SECOND for due in found)


@pytest.mark.parametrize("seed", range(5))
def test_gaps_of_poisson_arrivals_are_exponential(seed: int) -> None:
    found = gaps(at_rate(50.0, 100.0, seed=seed))
    assert stats.kstest(found, stats.expon(scale=1 / 50).cdf).pvalue > 0.01
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 0.05


@pytest.mark.parametrize("shape", [0.3, 0.5, 2.0, 30.0])
def test_gaps_of_gamma_arrivals_have_their_shape(shape: float) -> None:
    found = gaps(at_rate(50.0, 100.0, "gamma", shape=shape))
    assert stats.kstest(found, stats.gamma(shape, scale=1 / 50 / shape).cdf).pvalue > 0.01
    assert found.std() / found.mean() == pytest.approx(shape**-0.5, rel=0.06)


def test_gamma_without_a_shape_is_poisson() -> None:
    assert stats.kstest(gaps(at_rate(50.0, 100.0, "gamma")), stats.expon(scale=1 / 50).cdf).pvalue > 0.01


def test_the_number_in_a_part_of_the_time_varies_as_that_of_poisson_arrivals() -> None:
    counts = [sum(due < SECOND for due in dues(at_rate(20.0, 50.0, seed=seed))) for seed in range(400)]
    assert np.mean(counts) == pytest.approx(20, abs=1)
    assert np.var(counts) == pytest.approx(20 * (1 - 1 / 50), rel=0.25)


@pytest.mark.parametrize(
    "change",
    [
        {"client": ClientId("requests", {"session": "shared"})},
        {"index": 9},
        {"url": "http://h"},
        {"cores": (1,)},
        {"slots": (1,), "shares": 3},
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_arrivals_are_the_same_for_all_clients_and_workers(change: dict[str, Any], kind: str) -> None:
    assert list(arrivals(at_rate(30.0, 2.0, kind, **change))) == list(arrivals(at_rate(30.0, 2.0, kind)))


@pytest.mark.parametrize("change", [{"seed": 8}, {"repeat": 1}, {"level": Level(rate=30.5)}])
def test_another_seed_repeat_or_rate_has_its_own(change: dict[str, Any]) -> None:
    first = cell(level=Level(rate=30.0), load=Load(arrivals="poisson", duration=2.0))
    second = cell(**{"level": Level(rate=30.0), "load": Load(arrivals="poisson", duration=2.0), **change})
    assert dues(first)[:20] != dues(second)[:20]


def test_each_arrival_is_numbered_and_takes_the_next_prompt() -> None:
    found = list(arrivals(at_rate(10.0, 1.0)))
    assert [(each.slot, each.prompt) for each in found] == [(k, k) for k in range(10)]


def test_a_long_schedule_begins_at_once() -> None:
    for kind in KINDS:
        first = list(islice(arrivals(at_rate(1e6, 86_400.0, kind)), 1000))
        assert first[-1].due == pytest.approx(0.001 * SECOND, rel=0.2)


# ------------------------------------------------------------------------------------------- rates that change


def integral(of: Cell, seconds: float) -> float:
    """How many arrivals the stages ask for until then."""
    rate = total = 0.0
    for stage in of.workload.load.rates:
        part = min(stage.over, seconds)
        reached = rate + (stage.to - rate) * (part / stage.over if stage.over else 1.0)
        total += (rate + reached) / 2 * part
        rate, seconds = stage.to, seconds - part
    return total


UP_AND_DOWN = ((40.0, 10.0), (40.0, 5.0), (200.0, 0.0), (200.0, 1.0), (5.0, 0.0), (5.0, 4.0), (0.0, 2.0))


def test_constant_arrivals_come_where_the_integral_of_the_rate_is_whole() -> None:
    of = staged("constant", *UP_AND_DOWN)
    found = [integral(of, due / 1e9) for due in dues(of)]
    assert len(found) == round(expected(of.workload.load.rates)) == 625
    assert found == pytest.approx(list(range(625)), abs=1e-4)


@pytest.mark.parametrize(("kind", "shape"), [("poisson", 1.0), ("gamma", 0.5)])
def test_random_arrivals_are_those_of_rate_one_in_the_time_of_the_rate(kind: str, shape: float) -> None:
    of = staged(kind, *((to, over * 4) for to, over in UP_AND_DOWN), shape=shape)
    found = np.diff([0.0, *(integral(of, due / 1e9) for due in dues(of))])
    assert stats.kstest(found, stats.gamma(shape, scale=1 / shape).cdf).pvalue > 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_arrives_at_a_rate_of_zero_and_a_spike_is_at_once(kind: str) -> None:
    found = dues(
        staged(kind, (0.0, 3.0), (500.0, 0.0), (500.0, 1.0), (0.0, 0.0), (0.0, 2.0), (10.0, 0.0), (10.0, 1.0))
    )
    assert len(found) == 510
    assert all(3 * SECOND <= due <= 4 * SECOND or due >= 6 * SECOND for due in found)
    assert sum(due <= 4 * SECOND for due in found) == pytest.approx(500, abs=6)


def test_even_stages_are_the_same_as_a_rate() -> None:
    assert dues(staged("constant", (7.0, 0.0), (7.0, 3.0))) == dues(at_rate(7.0, 3.0, "constant"))
    assert [k - j for j, k in pairwise(dues(staged("constant", (5.0, 0.0), (5.0, 2.0))))] == [SECOND // 5] * 9


# The schedule of a seed must never change: runs are compared with earlier ones.
PINNED = {"constant": "f30adb52", "poisson": "a692a9a6", "gamma": "10e74867"}


@pytest.mark.parametrize("kind", PINNED)
def test_the_schedule_of_earlier_versions_stands(kind: str) -> None:
    found = dues(at_rate(20.0, 5.0, kind, seed=7, shape=0.5 if kind == "gamma" else None))
    assert sha256(repr(found).encode()).hexdigest()[:8] == PINNED[kind]

"""What more streams than were measured would cost, with known truth."""

from __future__ import annotations

import pytest

from loadgen.analysis import summarise
from loadgen.argument.extrapolation import findings
from loadgen.model import Level
from tests.synthetic import recording, run


def found(*levels, repeats=3, **how):
    cells = [
        recording(
            client="requests", mode="threads", concurrency=n, repeat=repeat, index=index, streams=4 * n,
            base_rss_kib=30_720, rss_per_stream_kib=50 + repeat, cpu_us_per_token=40, **how,
        )
        for repeat in range(repeats)
        for index, n in enumerate(levels)
    ]  # fmt: skip
    held = run(".", cells)
    return {one.level.streams: one for one in findings(held, summarise(held))}


@pytest.mark.parametrize("levels", [(10, 100), (100,)])
def test_memory_threads_and_cores_go_on_straight(levels):
    many = found(*levels)
    assert list(many) == [1_000, 10_000]
    for streams, one in many.items():
        assert one.measured == one.pace == Level(streams=100)
        assert one.memory_mib.value == pytest.approx(30 + streams * 51 / 1024, rel=0.03)
        assert one.memory_mib.low < one.memory_mib.value < one.memory_mib.high
        assert one.threads.value == pytest.approx(streams + 1, rel=0.01)
        assert one.threads.high == pytest.approx(one.threads.low)
    assert many[10_000].cores.value == pytest.approx(10 * many[1_000].cores.value)
    tokens_per_s = 1_000 * 60 / (0.3 + 59 * 0.05)
    assert many[1_000].cores.value == pytest.approx(40e-6 * tokens_per_s, rel=0.1)


@pytest.mark.parametrize(
    ("highest", "streams"), [(1, []), (10, [1_000]), (100, [1_000, 10_000]), (1_000, [10_000])]
)
def test_only_what_is_within_reach_of_the_highest_level_is_extrapolated(highest, streams):
    assert list(found(highest, repeats=1)) == streams


def test_one_round_has_no_interval():
    assert found(100, repeats=1)[1_000].memory_mib.low is None

"""Which streams are good, and what follows from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadgen.analysis import intervals, summarise
from loadgen.analysis.goodput import judged, judged_by
from loadgen.analysis.measures import Measured
from loadgen.model import ClientId, Level, Objectives, Recording, Slo, Summary
from tests.synthetic import ZERO, recording, run

MS = 1_000_000


def with_slo(made: Recording, **slo: Any) -> Recording:
    return replace(made, workload=replace(made.workload, slo=Slo(**slo)))


def of(*recordings: Recording) -> Summary:
    (summary,) = summarise(run("unused", recordings))
    return summary


def test_a_stream_is_good_when_it_holds_every_objective() -> None:
    ns = {
        "ttft": np.array([900, 1000, 1001, 900, -1, -1, 900]) * MS,
        "itl": np.array([100, 100, 50, 101, 50, 101, -1]) * MS,
        "tpot": np.array([50, 50, 50, 50, 50, 50, -1]) * MS,
    }
    ok = np.array([True] * 7)
    found = judged({"ttft": 1000.0, "itl": 100.0}, ns, ok, ~ok)
    # exactly the limit holds; a stream that misses one objective is not good, whatever is not known of another
    assert found.good.tolist() == [True, True, False, False, False, False, False]
    assert found.bad.tolist() == [False, False, True, True, False, True, False]
    assert found.not_judged.tolist() == [False, False, False, False, True, False, True]
    assert found.missed["ttft"].tolist() == [False, False, True, False, False, False, False]
    assert found.single_gaps.tolist() == [False, False, False, True, False, True, False]


def test_without_objectives_nothing_is_judged() -> None:
    summary = of(recording(streams=20, concurrency=10))
    assert all(
        summary.value(name) is None
        for name in ("good_percent", "goodput_per_s", "good", "cut", "missed_ttft")
    )
    assert Measured(recording()).judged is None


def test_failed_streams_are_not_good_and_stopped_ones_are_left_out() -> None:
    made = recording(streams=100, concurrency=100, outcomes={"reset": 10, "http_status": 5, "stopped": 20})
    summary = of(with_slo(made, ttft_ms=1000.0))
    assert summary["good_percent"].n == 80
    assert summary.value("good_percent") == pytest.approx(100 * 65 / 80)
    assert (summary.value("good"), summary.value("cut"), summary.value("missed_ttft")) == (65, 20, 0)
    low, high = intervals.of_share(65, 80) or (0.0, 0.0)
    assert (summary["good_percent"].low, summary["good_percent"].high) == (
        pytest.approx(100 * low),
        pytest.approx(100 * high),
    )


def test_a_client_has_its_own_objectives_and_so_has_its_control() -> None:
    slo = Slo(ttft_ms=1000.0, clients={"aiohttp": Objectives(ttft_ms=100.0)})
    assert slo.of(ClientId("aiohttp", {"loop": "uvloop"}, control=True)).limits == {"ttft": 100.0}
    assert slo.of(ClientId("requests")).limits == {"ttft": 1000.0}


def test_the_longest_gap_is_of_the_stream_itself() -> None:
    made = recording(streams=7, concurrency=3, tokens=5, gap_ms=50, jitter=0.8, lag_us=0)
    m = Measured(made)
    gaps = m.gaps()
    expected = [gaps.values[gaps.owner == row].max() for row in range(7)]
    assert m.longest_gap.tolist() == expected
    alone = Measured(recording(streams=5, concurrency=5, tokens=1))
    assert alone.longest_gap.tolist() == [0] * 5


def test_one_token_has_no_gap_and_a_whole_answer_no_times() -> None:
    single = with_slo(recording(streams=10, concurrency=10, tokens=1), itl_ms=1.0, tpot_ms=1.0)
    assert of(single).value("good_percent") == 100
    whole = recording(streams=10, concurrency=10, tokens=1, server_tokens_per_event=30)
    assert of(with_slo(whole, itl_ms=1.0)).value("not_judged") == 10
    assert of(with_slo(whole, itl_ms=1.0)).value("good_percent") is None
    assert of(with_slo(whole, itl_ms=1.0)).value("goodput_per_s") is None
    assert of(with_slo(whole, ttft_ms=1000.0)).value("good_percent") == 100
    asked = with_slo(single, itl_ms=1.0)
    asked = replace(asked, workload=replace(asked.workload, stream=False))
    assert of(asked).value("not_judged") == 10


def test_goodput_of_a_closed_loop_does_not_depend_on_where_its_window_cuts() -> None:
    # 10 slots, streams of 3.25 s without a pause between them: 3.077 per second
    made = recording(
        streams=60,
        concurrency=10,
        tokens=60,
        ttft_ms=300,
        gap_ms=50,
        lag_us=0,
        duration_ms=12_000,
        ramp_ms=2000,
        warmup_ms=2000,
    )
    summary = of(with_slo(made, ttft_ms=1000.0))
    assert summary.value("good_percent") == 100
    assert summary.value("goodput_per_s") == pytest.approx(10 / 3.25, rel=0.01)


def test_an_open_load_is_judged_from_the_schedule() -> None:
    late = recording(streams=50, concurrency=50, ttft_ms=300, late_start_ms=800)
    assert of(with_slo(late, ttft_ms=1000.0)).value("good_percent") == 100
    opened = replace(late, level=Level(rate=10.0))
    assert Measured(with_slo(opened, ttft_ms=1000.0)).judged.good.sum() == 0  # type: ignore[union-attr]
    assert Measured(with_slo(opened, ttft_ms=1101.0)).judged.good.sum() == 50  # type: ignore[union-attr]


def test_what_was_due_and_never_started_is_not_good() -> None:
    made = replace(
        with_slo(recording(streams=30, concurrency=30), ttft_ms=1000.0),
        level=Level(rate=10.0),
        not_started=10,
    )
    summary = of(made)
    assert (summary.value("good_percent"), summary.value("never_started")) == (75, 10)
    assert of(with_slo(recording(), ttft_ms=1000.0)).value("never_started") is None


def test_rounds_that_all_agree_are_not_certain_of_a_share() -> None:
    made = [with_slo(recording(streams=20, concurrency=20, repeat=n), ttft_ms=1000.0) for n in range(3)]
    found = of(*made)["good_percent"]
    assert (found.value, found.high, found.n) == (100, 100, 60)
    assert found.low == pytest.approx(100 * 0.025 ** (1 / 60))


def test_a_run_is_judged_by_other_objectives(tmp_path: Path) -> None:
    made = run(tmp_path, [recording(streams=20, concurrency=20)])
    (summary,) = summarise(judged_by(made, Slo(ttft_ms=100.0)))
    assert (summary.value("good_percent"), summary.value("missed_ttft")) == (0, 20)
    assert made.recordings[0].start == ZERO

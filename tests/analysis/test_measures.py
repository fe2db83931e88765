"""The vectors against a naive second implementation that walks the streams one by one."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgen.analysis.measures import Measured, present
from loadgen.analysis.repeats import repeats_of
from loadgen.analysis.server_clock import above_least
from loadgen.model import ArrivalTable, Sample, StampTable, StreamTable
from tests import synthetic

MS = 1_000_000
ZERO, EPOCH = synthetic.ZERO, synthetic.EPOCH


def stream(
    start_ms, reads, *, due_ms=None, outcome="ok", stamps_ms=(), end_ms=None, headers_ms=None, told=-1
):
    """``reads`` are (ms after the start, text events); ``stamps_ms`` when the server sent each, likewise."""
    start = ZERO + start_ms * MS
    at = [start + round(ms * MS) for ms, _ in reads]
    return {
        "due": start if due_ms is None else ZERO + due_ms * MS,
        "start": start,
        "headers": -1 if headers_ms is None else start + headers_ms * MS,
        "end": start + end_ms * MS if end_ms is not None else (at[-1] if at else start),
        "outcome": outcome,
        "at": at,
        "count": [count for _, count in reads],
        "stamps": [start + round(ms * MS) + EPOCH - ZERO for ms in stamps_ms],
        "server_tokens": told,
    }


def recording(*streams, window_ms=(0, 1000), **changes):
    table = {field.name: np.full(len(streams), -1, dtype=np.int64) for field in fields(StreamTable)}
    for i, s in enumerate(streams):
        for name in ("due", "start", "headers", "end", "server_tokens"):
            table[name][i] = s[name]
        table["reads"][i], table["text_events"][i] = len(s["at"]), sum(s["count"])
        table["stamped"][i] = len(s["stamps"])
        if s["stamps"]:
            table["first_stamp_ns"][i] = s["stamps"][0]
    table["outcome"] = np.array([s["outcome"] for s in streams], dtype=object)
    table["error"] = np.array([""] * len(streams), dtype=object)
    begin, end = (ZERO + ms * MS for ms in window_ms)
    us = [(stamp - s["stamps"][0]) // 1000 for s in streams for stamp in s["stamps"]]
    return replace(
        synthetic.recording(streams=1, concurrency=1, tokens=2),
        window=(begin, end),
        clock=((ZERO, EPOCH), (ZERO + 1000 * MS, EPOCH + 1000 * MS)),
        edges=(Sample(at=begin), Sample(at=end)),
        streams=StreamTable(**table),
        arrivals=ArrivalTable(
            at=np.array([at for s in streams for at in s["at"]], dtype=np.int64),
            count=np.array([c for s in streams for c in s["count"]], dtype=np.uint16),
        ),
        stamps=StampTable(us=np.array(us, dtype=np.int32)),
        **changes,
    )


def test_marks_of_a_stream():
    m = Measured(
        recording(
            stream(10, [(5, 0), (20, 1), (30, 2), (50, 1), (51, 0)], due_ms=4, headers_ms=3, end_ms=52),
            stream(0, []),
        )
    )
    assert m.first_byte.tolist() == [ZERO + 15 * MS, -1]
    assert m.first_token.tolist() == [ZERO + 30 * MS, -1]  # the read at 5 ms carried no text
    assert m.last_token.tolist() == [ZERO + 60 * MS, -1]
    assert m.headers_wait.tolist() == [3 * MS, -1]
    assert m.ttft.tolist() == [20 * MS, -1]
    assert m.total.tolist() == [52 * MS, 0]
    assert m.tpot.tolist() == [30 * MS // 3, -1]
    assert present(m.ttft).tolist() == [20 * MS]


def test_the_server_s_own_count_of_tokens_goes_first():
    m = Measured(
        recording(stream(0, [(10, 1), (30, 1)], told=5), stream(0, [(10, 1)], told=60), stream(0, [(9, 3)]))
    )
    assert m.tokens.tolist() == [5, 60, 3]
    assert m.tpot.tolist() == [20 * MS // 4, -1, 0]  # one event of 60 tokens tells no time per token


def test_gaps_are_within_streams_and_zero_within_a_read():
    m = Measured(
        recording(
            stream(0, [(10, 1), (30, 3), (31, 0), (70, 1)]),
            stream(0, []),
            stream(0, [(5, 1)]),
            stream(0, [(5, 1), (6, 1)], outcome="truncated"),
            stream(0, [(1, 1), (3, 1)]),
        )
    )
    gaps = m.gaps()
    assert sorted(zip(gaps.owner.tolist(), (gaps.values // MS).tolist(), strict=True)) == [
        (0, 0),
        (0, 0),
        (0, 20),
        (0, 40),
        (4, 2),
    ]


def test_streams_due_in_the_warm_up_or_not_ok_do_not_count():
    m = Measured(
        recording(
            stream(0, [(5, 1)]),
            stream(100, [(5, 1)]),
            stream(100, [(5, 1)], outcome="reset"),
            stream(100, [(5, 1)], outcome="stopped"),
            stream(101, [(5, 1)], due_ms=99),
            window_ms=(100, 1000),
        )
    )
    assert m.included.tolist() == [False, True, False, False, False]
    assert m.after_warmup.tolist() == [False, True, True, True, False]
    assert m.failed.tolist() == [False, False, True, False, False]


def test_lag_is_arrival_less_stamp_per_event():
    m = Measured(
        recording(
            stream(0, [(10, 1), (31, 2)], stamps_ms=[9, 20, 30.5]),
            stream(50, [(4, 1)], stamps_ms=[1]),
            stream(50, [(4, 1)]),
        )
    )
    lags = m.lags()
    assert lags is not None
    assert lags.owner.tolist() == [0, 0, 0, 1]
    assert (lags.values / MS).tolist() == [1, 11, 0.5, 3]
    assert (above_least(lags.values, lags.owner) / MS).tolist() == [0.5, 10.5, 0, 0]


def test_a_steered_clock_is_followed_and_a_step_voids_the_lag():
    made = recording(stream(0, [(500, 1)], stamps_ms=[498]), stream(900, [(100, 1)], stamps_ms=[98]))
    drift = 400_000  # ns over the second of the cell
    steered = replace(made, clock=(made.clock[0], (made.clock[1][0], made.clock[1][1] + drift)))
    lags = Measured(steered).lags()
    assert lags is not None
    assert lags.values.tolist() == [2 * MS + drift // 2, 2 * MS + drift]
    for step in (2 * MS, -2 * MS):
        stepped = Measured(replace(made, clock=(made.clock[0], (made.clock[1][0], made.clock[1][1] + step))))
        assert stepped.clock_stepped
        assert stepped.lags() is None


def test_no_stamps_no_lag():
    assert Measured(recording(stream(0, [(10, 1)]))).lags() is None
    assert Measured(recording()).lags() is None


def test_live_counts():
    (repeat,) = repeats_of(
        [
            recording(
                stream(0, [], end_ms=500),
                stream(100, [], end_ms=400),
                stream(500, [], end_ms=300),  # the next of a slot: begins as the other ends
                stream(900, [], end_ms=500),
                window_ms=(200, 1000),
            )
        ]
    )
    assert repeat.live_peak == 2
    assert repeat.live_mean == pytest.approx((300 + 300 + 300 + 100) / 800)
    for window_ms in ((10, 20), (10, 10)):
        (over,) = repeats_of([recording(stream(0, [], end_ms=5), window_ms=window_ms)])
        assert over.live_peak is None
        assert over.live_mean == (0 if window_ms == (10, 20) else None)


def test_window_tokens_weigh_events_by_the_tokens_of_their_stream():
    m = Measured(
        recording(
            stream(0, [(100, 1), (300, 2), (999, 1), (1000, 4)], told=16),
            stream(0, [(350, 1)], outcome="reset"),
            stream(0, []),
            window_ms=(200, 1000),
        )
    )
    assert m.window_tokens == pytest.approx(3 * 16 / 8 + 1)


READS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 3)), max_size=8)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 400), READS, st.sampled_from(["ok", "ok", "reset", "stopped"])), max_size=6
    )
)
def test_agrees_with_a_walk_through_the_streams(drawn):
    streams = []
    for start, reads, outcome in drawn:
        elapsed, walked = 0, []
        for gap, count in reads:
            elapsed += gap
            walked.append((elapsed, count))
        stamps = [ms / 2 for ms, count in walked for _ in range(count)]
        streams.append(stream(start, walked, outcome=outcome, stamps_ms=stamps))
    m = Measured(recording(*streams, window_ms=(200, 300)))

    gaps, lags, ttfts, inside = [], [], [], 0
    for s in streams:
        inside += sum(
            c for at, c in zip(s["at"], s["count"], strict=True) if ZERO + 200 * MS <= at < ZERO + 300 * MS
        )
        if s["outcome"] != "ok" or s["due"] < ZERO + 200 * MS:
            continue
        arrived = [at for at, count in zip(s["at"], s["count"], strict=True) for _ in range(count)]
        gaps += [later - earlier for earlier, later in itertools.pairwise(arrived)]
        lags += [at - (sent - EPOCH + ZERO) for at, sent in zip(arrived, s["stamps"], strict=True)]
        ttfts += [arrived[0] - s["start"]] if arrived else []
    found = m.lags()
    assert sorted(m.gaps().values.tolist()) == sorted(gaps)
    assert sorted(found.values.tolist() if found else []) == sorted(lags)
    assert present(m.ttft[m.included]).tolist() == ttfts
    assert m.window_tokens == inside


@pytest.mark.parametrize("step_ns", [0, 400_000])
def test_the_send_delay_follows_from_the_server_s_clock_and_duration(step_ns):
    of = {"send_delay_ms": 12.5, "streams": 20, "concurrency": 4, "outcomes": {"reset": 3}}
    delay = Measured(synthetic.recording(**of, clock_step_ns=step_ns)).send_delay
    assert delay[17:].tolist() == [-1] * 3  # they were told no duration
    assert np.abs(delay[:17] - 12.5 * MS).max() <= step_ns


@pytest.mark.parametrize("of", [{"same_host": False}, {"clock_step_ns": 50 * MS}])
def test_without_a_common_clock_there_is_no_send_delay(of):
    assert set(Measured(synthetic.recording(send_delay_ms=5, **of)).send_delay.tolist()) == {-1}


@pytest.mark.parametrize(
    ("opening_ms", "openers", "connecting"),
    [((1, 2, 3), 1, [6, 0, 0]), ((-1, 2, -1), 3, [2, 2, 2]), (None, None, [-1] * 3)],
)
def test_the_ttft_without_connecting_is_known_where_a_stream_tells_how_it_connected(
    opening_ms, openers, connecting
):
    m = Measured(synthetic.recording(streams=3, opening_ms=opening_ms, openers=openers, sent_ms=20))
    ms = [ns // synthetic.MS if ns > 0 else ns for ns in m.connecting.tolist()]
    assert ms == connecting
    less = [
        -1 if ns < 0 else ttft - ns for ttft, ns in zip(m.ttft.tolist(), m.connecting.tolist(), strict=True)
    ]
    assert m.ttft_connected.tolist() == less


def test_the_client_s_part_of_the_time_to_wire_is_without_connecting():
    m = Measured(
        synthetic.recording(streams=2, opening_ms=(10, 20, 30), openers=1, sent_ms=74, send_delay_ms=80)
    )
    assert m.to_wire.tolist() == [10 * synthetic.MS, 70 * synthetic.MS]


def test_an_older_recording_has_no_send_delay():
    made = synthetic.recording(streams=3)
    unknown = replace(made.streams, end_stamp_ns=np.full(3, -1))
    assert Measured(replace(made, streams=unknown)).send_delay.tolist() == [-1] * 3


def test_the_wait_after_failures_is_that_of_each_slot_until_its_next_stream():
    plain = synthetic.recording(streams=6, concurrency=2, tokens=2)
    #           slot 0: fails, fails, succeeds; slot 1: succeeds, fails, and starts no more
    slot, outcome = [0, 1, 0, 1, 0, 0], ["reset", "ok", "refused", "ok", "ok", "stopped"]
    start = [0, 0, 1300, 700, 3000, 4000]
    due = [0, 0, 1250, 600, 2500, 3000]
    end = [1000, 500, 2000, 900, 3500, 4500]
    marks = {"start": start, "due": due, "end": end}
    columns = {name: ZERO + np.array(ms) * MS for name, ms in marks.items()}
    table = replace(plain.streams, slot=np.array(slot), outcome=np.array(outcome, dtype=object), **columns)
    assert Measured(replace(plain, streams=table)).failure_wait_ns == (250 + 500) * MS

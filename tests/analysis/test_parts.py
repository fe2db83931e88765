"""Where the time of a stream went: what a server reports, and what is left, add up to what the client saw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.analysis import summarise
from loadgen.analysis.measures import Measured
from loadgen.analysis.parts import AFTER_FIRST, BEFORE_FIRST, OPENING, ROUNDING_NS
from tests import synthetic

MS = 1_000_000
OLLAMA = {"total": 900, "load": 60, "prompt": 40, "decode": 300}


def measured(*streams: dict[str, float], ttft: float = 700, send: float = 10, **how: object) -> Measured:
    """Streams of 10 tokens; for each the durations in ms that the server reports (450 to the last token)."""
    made = synthetic.recording(
        concurrency=len(streams),
        streams=len(streams),
        tokens=10,
        ttft_ms=ttft,
        gap_ms=450 / 9,
        **{"lag_us": 0} | how,
    )
    columns = {
        f"{name}_ns": np.array([round(of[name] * MS) if name in of else -1 for of in streams])
        for name in ("total", "load", "prompt", "decode")
    }
    # by the server's clock the request was there `send` after the start
    stamps = np.where(columns["total_ns"] < 0, -1, made.streams.start + columns["total_ns"] + send * MS)
    stamps = np.where(stamps < 0, -1, stamps + synthetic.EPOCH - synthetic.ZERO).astype(np.int64)
    return Measured(replace(made, streams=replace(made.streams, **columns, end_stamp_ns=stamps)))


def of(m: Measured, names: tuple[str, ...]) -> dict[str, float | None]:
    """Return the parts of the first stream in ms."""
    values = {name: int(getattr(m.parts, name)[0]) for name in names}
    return {name: None if value == -1 else value / MS for name, value in values.items()}


@pytest.mark.parametrize(
    ("reported", "how", "expected"),
    [
        # 900 - 60 - 40 - 300 = 500 of waiting; 700 - 10 - 60 - 500 - 40 = 90 are left for the first token
        (OLLAMA, {}, (10, 60, 500, 40, 90, None)),
        # Ollama leaves out a load of zero
        ({k: v for k, v in OLLAMA.items() if k != "load"}, {}, (10, None, 560, 40, 90, None)),
        # from another host nobody knows when the server had the request
        (OLLAMA, {"same_host": False}, (None, 60, 500, 40, None, 100)),
        # llama.cpp: no total, so the queue and the load are not told apart
        ({"prompt": 40, "decode": 290}, {}, (None, None, None, 40, None, 660)),
        # a total alone says nothing about the queue
        ({"total": 900}, {}, (10, None, None, None, None, 690)),
        ({"total": 900, "decode": 300}, {}, (10, None, None, None, None, 690)),
        ({}, {}, (None, None, None, None, None, 700)),
        # from when the server sent the first token on, nothing is queue
        (OLLAMA | {"total": 1000}, {"lag_us": 20_000}, (10, 60, 590, 40, 20, None)),
        # waiting after the first token, between two tokens, is no queue
        (OLLAMA | {"total": 990, "decode": 280}, {}, (10, 60, 590, 40, 0, None)),
        # rounding: 0.5 ms more than there are
        (OLLAMA | {"prompt": 630.5, "total": 1000}, {}, (10, 60, 0, 630, 0, None)),
        (OLLAMA | {"decode": 450, "total": 549.5}, {}, (10, 60, 0, 40, 590, None)),
        # shorter than from the first to the last token: another unit, and so are the others
        ({name: ms / 1000 for name, ms in OLLAMA.items()}, {}, (None, None, None, None, None, 700)),
    ],
)  # fmt: skip
def test_the_parts_of_the_ttft(reported, how, expected):
    m = measured(reported, **how)
    assert of(m, BEFORE_FIRST) == pytest.approx(
        dict(zip(BEFORE_FIRST, (None, None, None, *expected), strict=True)), abs=0.2
    )
    assert not m.parts.contradicted.any()


@pytest.mark.parametrize(
    ("reported", "how", "send"),
    [
        (OLLAMA, {}, 10),  # of 40 ms until the server had the request
        (OLLAMA, {"same_host": False}, None),
        ({}, {}, None),
        (OLLAMA | {"total": 1500}, {}, None),  # contradicted, and certain all the same
    ],
)
def test_opening_a_connection_is_no_part_of_the_rest(reported, how, send):
    m = measured(reported, send=40, opening_ms=(5, 10, 15), **how)
    found = of(m, BEFORE_FIRST)
    assert [found[name] for name in OPENING] == pytest.approx([5, 10, 15])
    assert found["send"] == (None if send is None else pytest.approx(send, abs=0.2))
    assert sum(ms or 0 for ms in found.values()) == pytest.approx(700, abs=0.2)
    assert m.ttft_connected[0] == m.ttft[0] - 30 * MS


def test_a_stream_that_failed_keeps_what_is_known_of_its_connection():
    m = Measured(synthetic.recording(concurrency=1, streams=1, opening_ms=(-1, 4, 6), outcomes={"reset": 1}))
    assert [int(getattr(m.parts, name)[0]) for name in OPENING] == [-1, 4 * MS, 6 * MS]


@pytest.mark.parametrize(
    "reported",
    [
        OLLAMA | {"load": 660, "total": 1500},  # more than the whole TTFT
        OLLAMA | {"prompt": 5000, "total": 6000},
        OLLAMA | {"decode": 450, "total": 480},  # less than what it consists of
        OLLAMA | {"total": 1500},  # more than the stream took
        {"prompt": 702, "decode": 1},
        {"load": 800},
    ],
)
def test_durations_that_contradict_the_client_are_named_and_no_part_takes_them_up(reported):
    m = measured(reported, OLLAMA)
    assert m.parts.contradicted.tolist() == [True, False]
    assert of(m, BEFORE_FIRST) == {**dict.fromkeys(BEFORE_FIRST), "unsplit": pytest.approx(700, abs=0.2)}


def test_streams_without_a_token_have_no_parts():
    m = Measured(synthetic.recording(concurrency=2, streams=2, outcomes={"refused": 1}))
    for name in (*BEFORE_FIRST, *AFTER_FIRST):
        assert getattr(m.parts, name)[1] == -1


DURATION = st.none() | st.integers(0, 3000)


@given(
    st.lists(st.tuples(DURATION, DURATION, DURATION, DURATION), min_size=1, max_size=5), st.integers(0, 800)
)
def test_whatever_is_reported_the_parts_add_up_and_none_is_negative(rows, send):
    names = ("total", "load", "prompt", "decode")
    m = measured(
        *({n: v for n, v in zip(names, row, strict=True) if v is not None} for row in rows), send=send
    )

    def total(names):
        return sum(np.maximum(getattr(m.parts, name), 0).astype(np.int64) for name in names)

    assert (total(BEFORE_FIRST) == m.ttft).all()
    assert (total(BEFORE_FIRST) + total(AFTER_FIRST) == m.total).all()
    assert all((getattr(m.parts, name) >= -1).all() for name in (*BEFORE_FIRST, *AFTER_FIRST))
    before = np.maximum(m.reported.load_ns, 0) + np.maximum(m.reported.prompt_ns, 0)
    assert (before[~m.parts.contradicted] <= m.ttft[0] + ROUNDING_NS).all()


@pytest.mark.parametrize("slots", [1, 2, 5, 20])
@pytest.mark.parametrize("rounds", [1, 4])
def test_as_many_are_served_at_once_as_the_server_has_slots(slots, rounds):
    """Streams of 20 slots come at once; so many are decoded at a time, each for 500 ms, the others wait."""
    made = synthetic.recording(
        concurrency=20, streams=20 * rounds, tokens=5, ttft_ms=100, gap_ms=100, lag_us=0
    )
    place = np.arange(20 * rounds)
    shift = place // slots * 500 * MS  # as first come, first served
    start = synthetic.ZERO + place // 20 * (20 // slots) * 500 * MS
    streams = replace(
        made.streams,
        start=start,
        due=start,
        end=synthetic.ZERO + shift + 500 * MS,
        total_ns=np.full(len(place), -1),
    )
    at = made.arrivals.at - np.repeat(made.streams.start - synthetic.ZERO - shift, made.streams.reads)
    changed = replace(made, streams=streams, arrivals=replace(made.arrivals, at=at))
    last = int(streams.end.max())
    changed = replace(changed, window=(synthetic.ZERO, last))
    (summary,) = summarise(synthetic.run(".", [changed]))
    assert summary.value("served_peak") == slots

"""Clocks that servers have, against the truth: what is trusted, and that no lag is wrong by more than its bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import pytest

from loadgen.analysis import summarise
from loadgen.analysis.answer.evidence import over_rounds
from loadgen.analysis.measures import Measured
from loadgen.model import ClockFault, Recording, StampTable, Trust
from loadgen.protocols import stamps
from tests import synthetic

MS, S = 1_000_000, 1_000_000_000
STREAMS, TOKENS = 40, 40
ABSOLUTE, RELATIVE, NONE = Trust

Clock = Callable[[int, int, int], int]  # time, stream and event -> what the server's clock shows
CHANCE = np.random.default_rng(1)


def shown(ns: int, digits: int = 9, zone: str = "Z") -> str:
    second, rest = divmod(ns, S)
    text = f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}".rjust(19, "0")
    return text + (f".{rest:09d}"[: digits + 1] if digits else "") + zone


class Case(NamedTuple):
    """A clock, how it is written, and what must follow, also where the server does not report how long it took."""

    clock: Clock
    trust: Trust
    fault: ClockFault | None = None
    write: Callable[[int], str] = shown
    without: Trust = RELATIVE
    odd: int = 0
    rate: float = 1.0


def off(ns: int) -> Clock:
    return lambda at, _stream, _event: at + ns


def drifting(share: float) -> Clock:
    return lambda at, _stream, _event: at + round((at - synthetic.EPOCH) * share)


def stepping(by: int, after_s: float) -> Clock:
    return lambda at, _stream, _event: at + by * (at > synthetic.EPOCH + after_s * S)


def still(seconds: float, after_s: float, behind: bool) -> Clock:
    begin = synthetic.EPOCH + round(after_s * S)
    end = begin + round(seconds * S)

    def clock(at: int, _stream: int, _event: int) -> int:
        return at if at < begin else begin if at < end else at - (end - begin) * behind

    return clock


def in_one(stream: int, by: int, event: int = 0) -> Clock:
    """Only one stream of all is off, from some event on."""
    return lambda at, of, place: at + by * (of == stream and place >= event)


HOUR, YEAR = 3600 * S, 365 * 86_400 * S
CASES = {
    "nanoseconds": Case(off(0), ABSOLUTE),
    "microseconds": Case(off(0), ABSOLUTE, write=lambda ns: shown(ns, 6)),
    "milliseconds": Case(off(0), ABSOLUTE, write=lambda ns: shown(ns, 3)),
    "hundredths": Case(off(0), NONE, "coarse", lambda ns: shown(ns, 2), NONE),
    "steps of 15.625 ms": Case(
        lambda at, *_: at // 15_625_000 * 15_625_000, NONE, "coarse", without=NONE
    ),
    "whole seconds": Case(off(0), NONE, "coarse", lambda ns: shown(ns, 0), NONE),
    "no zone": Case(off(0), ABSOLUTE, write=lambda ns: shown(ns, 6, "")),
    "a zone of its own": Case(off(0), ABSOLUTE, write=lambda ns: shown(ns + 8 * HOUR, 6, "+08:00")),
    "40 ms ahead": Case(off(40 * MS), ABSOLUTE),
    "40 ms behind": Case(off(-40 * MS), ABSOLUTE),
    "1 ms behind": Case(off(-MS), ABSOLUTE),
    "the wrong zone": Case(off(8 * HOUR), ABSOLUTE),
    "one year behind": Case(off(-YEAR), ABSOLUTE),
    "goes back": Case(lambda at, _, event: at - 13 * S * (event % 7 == 6), NONE, "backwards", without=NONE),
    "year 1": Case(off(0), NONE, "missing", lambda _: "0001-01-01T00:00:00Z", NONE),
    "the epoch": Case(lambda *_: 0, NONE, "still", without=NONE),
    "constant": Case(lambda *_: synthetic.EPOCH, NONE, "still", without=NONE),
    "before 1970": Case(lambda *_: -5 * YEAR, NONE, "missing", without=NONE),
    "set forward in the middle": Case(stepping(200 * MS, 11), NONE, "unsteady", without=RELATIVE),
    "set back in the middle": Case(stepping(-200 * MS, 11), NONE, "unsteady", without=NONE),
    "set by little in the middle": Case(stepping(20 * MS, 11), NONE, "unsteady", without=RELATIVE),
    "set at the begin": Case(stepping(S, 1), ABSOLUTE, odd=4),
    "200 ppm fast": Case(drifting(200e-6), ABSOLUTE, rate=1 + 200e-6),
    "200 ppm slow": Case(drifting(-200e-6), ABSOLUTE, rate=1 - 200e-6),
    "30 ppm fast, an hour ahead": Case(lambda *of: drifting(30e-6)(*of) + HOUR, ABSOLUTE, rate=1 + 30e-6),
    "errors of 5 ms": Case(
        lambda at, *_: at + round(CHANCE.uniform(-5, 5) * MS), NONE, "contradiction", without=RELATIVE
    ),
    "still for a second": Case(still(1, 11.3, behind=False), ABSOLUTE, odd=5),
    "two servers": Case(lambda at, stream, _: at + 100 * MS * (stream % 2), NONE, "unsteady"),
    "one stream of another zone": Case(in_one(7, HOUR), ABSOLUTE, odd=1),
    "one stream of which the clock goes back": Case(in_one(7, -90 * MS, 20), ABSOLUTE, odd=1),
    "one stream with a jump": Case(in_one(7, 900 * MS, 20), ABSOLUTE, odd=1),
}  # fmt: skip
# Without durations nothing contradicts these stamps.
UNSEEN = ("errors of 5 ms", "set forward in the middle", "set by little in the middle", "two servers")


def truth(**of: object) -> Recording:
    made = {
        "streams": STREAMS, "concurrency": 4, "tokens": TOKENS, "jitter": 0.3, "lag_us": 300.0,
        "lag_jitter": 1.0, "send_delay_ms": 0.5, "server_late_p99_ms": None, "seed": 3,
    }  # fmt: skip
    return synthetic.recording(**{**made, **of})  # type: ignore[arg-type]


def sends(of: Recording) -> np.ndarray:
    """When the server sent each event, on our wall clock; a row per stream."""
    return (
        of.streams.first_stamp_ns[:, None] + of.stamps.us.reshape(len(of.streams), -1).astype(np.int64) * 1000
    )


def stamped(of: Recording, case: Case, *, durations: bool) -> Recording:
    """The recording as it were with the stamps of that clock."""
    clock, write = case.clock, case.write

    def read(at: int, stream: int, event: int) -> int | None:
        shown_ns = clock(int(at), stream, event)
        return shown_ns if shown_ns < 0 and write is shown else stamps.parse(write(shown_ns))

    rows = [[read(at, stream, event) for event, at in enumerate(row)] for stream, row in enumerate(sends(of))]
    known = [all(each is not None for each in row) for row in rows]
    ends = [read(at, stream, TOKENS) for stream, at in enumerate(of.streams.end_stamp_ns)]
    us = [(at - row[0]) // 1000 for row, fine in zip(rows, known, strict=True) if fine for at in row]
    missing = np.full(len(rows), -1)
    streams = replace(
        of.streams,
        first_stamp_ns=np.array([row[0] if fine else -1 for row, fine in zip(rows, known, strict=True)]),
        stamped=np.where(known, of.streams.stamped, 0),
        end_stamp_ns=np.array([-1 if at is None else at for at in ends]) if durations else missing,
        total_ns=np.rint(of.streams.total_ns * case.rate).astype(np.int64) if durations else missing,
    )
    return replace(of, streams=streams, stamps=StampTable(us=np.array(us, dtype=np.int64)))


@pytest.mark.parametrize("durations", [True, False], ids=["", "without durations"])
@pytest.mark.parametrize("name", CASES)
def test_no_lag_is_wrong_by_more_than_its_bounds(name: str, durations: bool) -> None:
    case, true = CASES[name], truth()
    m = Measured(stamped(true, case, durations=durations))
    found = m.server_clock
    assert found.trust is (case.trust if durations else case.without)
    if durations:
        assert found.fault == case.fault
        assert found.trust is not ABSOLUTE or m._odd.sum() == case.odd
    elif name in UNSEEN:
        return
    sent = sends(true)
    if found.low_ns is not None:
        own = np.array(
            [[case.clock(int(at), i, j) for j, at in enumerate(row)] for i, row in enumerate(sent)]
        )
        offset = (own - sent)[~m._odd]
        assert found.low_ns - found.unit_ns <= offset.min()
        assert offset.max() <= found.high_ns
    arrivals = true.arrivals.at[true.arrivals.count > 0].reshape(sent.shape)
    lag = arrivals - synthetic.ZERO + synthetic.EPOCH - sent
    lags = m.lags()
    assert (lags is not None) is (found.trust is ABSOLUTE)
    if lags is not None:
        assert lags.values.min() >= 0
        assert np.abs(lags.values - lag[~m._odd].ravel()).max() <= found.error_ns + 1000
        assert found.error_ns <= max(2 * MS, np.percentile(lags.values, 99) / 10)
        delay = m.send_delay[~m._odd]
        assert np.abs(delay - 0.5 * MS).max() <= found.error_ns + 1000
    else:
        assert set(m.send_delay.tolist()) == {-1}
    own_ttft = (true.streams.total_ns - true.streams.end_stamp_ns + true.streams.first_stamp_ns)[~m._odd]
    ttft = m.server_ttft[~m._odd]
    known = ttft >= 0
    assert known.any() == (durations and found.trust is not NONE)
    assert np.abs((ttft - own_ttft)[known]).max(initial=0) <= (found.error_ns or 0) + 1000
    assert (m.server_ttft[m._odd] == -1).all()
    above = m.relative_lags()
    assert (above is not None) is (found.trust is not NONE)
    if above is not None:
        own = lag[~m._odd]
        assert (
            np.abs(above.values - (own - own.min(axis=1, keepdims=True)).ravel()).max()
            <= found.error_ns + 1000
        )


@pytest.mark.parametrize(
    "of",
    [
        {},
        {"streams": 1, "concurrency": 1},
        {"streams": 3, "concurrency": 3, "gap_ms": 5.0, "ttft_ms": 20.0},
        {"lag_us": 500_000.0},  # a client that is far behind
        {"lag_us": 80_000.0, "per_read": 5, "gap_ms": 1.0},
        {"gap_ms": 0.01, "ttft_ms": 1.0, "lag_us": 20_000.0, "per_read": TOKENS},  # faster than any client
        {"tokens": 1},
        {"outcomes": {"reset": 5}},
    ],
)
@pytest.mark.parametrize("durations", [True, False])
def test_nothing_is_said_against_a_true_clock(of: dict[str, object], durations: bool) -> None:
    true = truth(**of)
    missing = np.full(len(true.streams), -1)
    m = Measured(true if durations else replace(true, streams=replace(true.streams, total_ns=missing)))
    assert not m._odd.any()
    assert m.server_clock.trust in ((ABSOLUTE,) if durations else (ABSOLUTE, RELATIVE))
    assert m.server_clock.low_ns <= 0 <= m.server_clock.high_ns


def test_the_simulator_s_stamps_need_no_check() -> None:
    checked, own = (truth(server_late_p99_ms=late, lag_us=900_000.0) for late in (None, 0.5))
    assert Measured(own).server_clock.error_ns is None
    assert Measured(own).lags().values.max() > Measured(checked).lags().values.min() >= 0


def test_of_another_host_only_differences_mean_anything() -> None:
    clock = Measured(truth(same_host=False)).server_clock
    assert (clock.trust, clock.fault) == (RELATIVE, "host")


def test_no_interval_of_lag_is_below_zero() -> None:
    lags = (100, 300, 40_000)
    made = [synthetic.recording(repeat=number, lag_us=lag) for number, lag in enumerate(lags)]
    (summary,) = summarise(synthetic.run(".", made))
    for column in ("lag_p50_ms", "lag_p99_ms", "relative_lag_p99_ms", "send_delay_p99_ms"):
        over = over_rounds(summary, column)
        assert over.low == 0
        assert summary[column].low in (None, 0)

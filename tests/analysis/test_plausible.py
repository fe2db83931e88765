"""What a server reports against what was seen of the stream: figures that cannot be count as not reported."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from loadgen.analysis import plausible
from loadgen.analysis.measures import Measured
from tests import synthetic

MS = 1_000_000


def measured(**columns: int) -> Measured:
    """A stream of 10 text events and 1,000 bytes: first after 300 ms, last after 750, stamped as it was sent."""
    made = synthetic.recording(concurrency=1, streams=1, tokens=10, lag_us=0)
    stamps = {name: columns.pop(name) for name in list(columns) if name.endswith("stamp_ns")}
    at = {name: np.array([value], dtype=np.int64) for name, value in columns.items()}
    at |= {
        name: np.array([ns + synthetic.EPOCH - synthetic.ZERO]) + made.streams.start
        for name, ns in stamps.items()
    }
    return Measured(replace(made, streams=replace(made.streams, **at)))


@pytest.mark.parametrize(
    ("columns", "tokens", "absurd"),
    [
        ({"server_tokens": 12}, 12, False),
        ({"server_tokens": 1}, 1, False),  # a proxy may cut a token into characters
        ({"server_tokens": -1}, 10, False),
        ({"server_tokens": 0}, 10, False),  # beside text it is not reported
        ({"server_tokens": 0, "text_events": 0}, 0, False),
        ({"server_tokens": 1000}, 1000, False),  # one for each byte
        ({"server_tokens": 8000}, 8000, False),  # hidden thinking
        ({"server_tokens": 10**12}, 10, True),
        ({"server_tokens": 20_000}, 10, True),
        ({"server_tokens": 20_000, "server_thinking_tokens": 19_000}, 20_000, False),
        ({"server_tokens": 1 << 62}, 10, True),
        ({"server_tokens": 10**12, "bytes": -1}, 10**12, False),  # nothing to hold it against
    ],
)
def test_the_servers_count(columns: dict[str, int], tokens: int, absurd: bool) -> None:
    m = measured(**columns)
    assert (m.tokens.tolist(), plausible.absurd(m.streams).tolist()) == ([tokens], [absurd])


@pytest.mark.parametrize(("thinking", "kept"), [(0, 0), (8, 8), (10, 10), (11, -1), (-1, -1)])
def test_thinking_tokens_are_part_of_the_tokens(thinking: int, kept: int) -> None:
    m = measured(server_tokens=10, server_thinking_tokens=thinking)
    assert m.reported.server_thinking_tokens.tolist() == [kept]


@pytest.mark.parametrize(
    ("total_ns", "stamps", "delay"),
    [
        (740 * MS, {}, 10 * MS),
        (750 * MS, {}, 0),
        (449_500_000, {"end_stamp_ns": 750 * MS}, 300_500_000),  # rounding
        (0, {}, -1),
        (-1, {}, -1),
        (740_000, {}, -1),  # microseconds
        (740, {}, -1),  # milliseconds
        (1, {}, -1),  # seconds
        (740_000 * MS, {}, -1),  # picoseconds
        (1 << 62, {}, -1),
        (400 * MS, {}, -1),  # of decoding alone
        (760 * MS, {}, -1),  # longer than the client waited
        (440 * MS, {"first_stamp_ns": 750 * MS}, -1),  # stamps that stand still: the client's clock decides
        (740 * MS, {"first_stamp_ns": 750 * MS}, 10 * MS),
    ],
)
def test_the_send_delay_of_a_duration(total_ns: int, stamps: dict[str, int], delay: int) -> None:
    assert measured(total_ns=total_ns, **stamps).send_delay.tolist() == [delay]


def test_a_client_that_lags_keeps_its_send_delay() -> None:
    """The last token arrives three seconds late; by the server's clock the stream was as long as it says."""
    m = measured(total_ns=740 * MS)
    at = m.recording.arrivals.at.copy()
    at[-2:] += 3000 * MS
    streams = replace(m.streams, end=m.streams.end + 3000 * MS)
    late = replace(m.recording, arrivals=replace(m.recording.arrivals, at=at), streams=streams)
    assert Measured(late).send_delay.tolist() == [10 * MS]

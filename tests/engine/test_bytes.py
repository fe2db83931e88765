"""Streams of which the bytes count: the first byte begins them, reads keep them alive, sizes are kept."""

from __future__ import annotations

from time import perf_counter_ns

import numpy as np

from loadgen.engine.recorder import BytesRecorder
from loadgen.model import Outcome, Timeouts
from loadgen.protocols.generic import Bytes

TIMEOUTS = Timeouts(first_token=1.0, idle=2.0, total=60.0)
S = 1_000_000_000


def recorder() -> BytesRecorder:
    return BytesRecorder(0, 0, 0, Bytes().decoder(True))


def test_timeouts_wait_for_bytes() -> None:
    of = recorder()
    of.headers(200)
    assert of.expired_timeout(TIMEOUTS, perf_counter_ns() + 3 * S // 2) is Outcome.FIRST_TOKEN_TIMEOUT
    of.data(b"x")
    assert of.expired_timeout(TIMEOUTS, perf_counter_ns() + 3 * S // 2) is None
    assert of.expired_timeout(TIMEOUTS, perf_counter_ns() + 3 * S) is Outcome.IDLE_TIMEOUT


def test_the_end_of_the_body_is_the_end() -> None:
    of = recorder()
    of.headers(200)
    for data in (b"a" * 70_000, b"", b"bc"):
        of.data(data)
    of.finish()
    stream = of.stream()
    assert (stream.outcome, stream.size) == (Outcome.OK, 70_002)
    assert np.frombuffer(stream.sizes, "<u4").tolist() == [70_000, 2]
    assert not any(stream.counts)


def test_a_body_that_is_shorter_than_it_was_said_to_be() -> None:
    of = recorder()
    of.headers(200, {"Content-Length": "1000"}.get)
    of.data(b"x" * 500)
    of.finish()
    stream = of.stream()
    assert (stream.outcome, stream.error) == (
        Outcome.TRUNCATED,
        "the body has 500 of 1,000 bytes (Content-Length)",
    )

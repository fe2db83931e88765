"""The marks of one stream, on a clock that the test sets."""

from __future__ import annotations

import socket
from array import array
from collections.abc import Callable

import pytest

from loadgen import protocols
from loadgen.clients import Failures
from loadgen.engine import recorder as module
from loadgen.engine.failures import MAX_SHOWN, classify
from loadgen.engine.recorder import StreamRecorder
from loadgen.model import Outcome, Stream, Timeouts, Usage
from tests.protocols.feeding import render

SECOND = 1_000_000_000
EPOCH = 1_769_860_800_000_000_000
END = b'{"done":true,"done_reason":"stop","eval_count":2}\n'


class Clock:
    def __init__(self) -> None:
        self.now = 1_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "perf_counter_ns", made)
    return made


def watch(protocol: str = "ollama-generate", stream: bool = True) -> StreamRecorder:
    return StreamRecorder(7, 3, 900, protocols.load(protocol).decoder(stream))


def token(at: int | None = None) -> bytes:
    stamp = b"" if at is None else b'"created_at":"%b",' % render(at).encode()
    return b'{%b"response":"a"}\n' % stamp


def ints(data: bytes, code: str) -> list[int]:
    return array(code, data).tolist()


def test_the_marks_and_arrivals_of_a_stream(clock: Clock) -> None:
    watched = watch()
    clock.now = 1_100
    watched.headers(200)
    for now, data in [
        (1_200, token() + token()),
        (1_250, b""),
        (1_300, token()[:5]),
        (1_400, token()[5:] + END),
    ]:
        clock.now = now
        watched.data(data)
    clock.now = 1_500
    watched.finish()
    clock.now = 9_999
    assert watched.stream() == Stream(
        slot=3,
        due=900,
        start=1_000,
        headers=1_100,
        end=1_400,
        drain_ns=100,
        outcome=Outcome.OK,
        status=200,
        error="",
        size=3 * len(token()) + len(END),
        arrivals=array("q", [1_200, 1_300, 1_400]).tobytes(),
        counts=array("H", [2, 0, 1]).tobytes(),
        stamps=b"",
        first_stamp_ns=None,
        usage=Usage(tokens=2, finish_reason="stop"),
        first_answer=1_200,
    )


def test_phases_of_a_connection_add_up_over_attempts_and_what_is_not_reported_is_not_known(
    clock: Clock,
) -> None:
    watched = watch()
    for phase, ns in (("connect", 40), ("tls", 500), ("connect", 2)):
        watched.phase(phase, ns)
    watched.connection(http="1.1", sent_ns=700)
    made = watched.stream()
    assert (made.dns_ns, made.connect_ns, made.tls_ns, made.sent) == (None, 42, 500, made.start + 700)
    unknown = watch().stream()
    assert {unknown.dns_ns, unknown.connect_ns, unknown.tls_ns, unknown.sent} == {None}


def test_the_clock_is_read_before_the_bytes_are_decoded(clock: Clock) -> None:
    class Slow:
        def feed(self, data: bytes) -> list[protocols.Event]:
            clock.now += 50
            return [protocols.Token(None)]

        def eof(self) -> list[protocols.Event]:
            return []

    watched = StreamRecorder(0, 0, 0, Slow())
    clock.now = 2_000
    watched.data(b"x")
    assert ints(watched.stream().arrivals, "q") == [2_000]


def test_server_times_are_microseconds_after_the_first(clock: Clock) -> None:
    watched = watch()
    watched.data(token(EPOCH + 999) + token(EPOCH + 2_500_000))
    watched.data(token(EPOCH - 5_000) + END)
    made = watched.stream()
    assert made.first_stamp_ns == EPOCH + 999
    assert ints(made.stamps, "i") == [0, 2499, -6]


def test_a_stream_longer_than_35_minutes_takes_wider_stamps(clock: Clock) -> None:
    watched = watch()
    hour = 3600 * SECOND
    for at in (EPOCH, EPOCH + SECOND, EPOCH + hour, EPOCH + hour + 1000):
        watched.data(token(at))
    made = watched.stream()
    assert ints(made.stamps, "q") == [0, 1_000_000, 3_600_000_000, 3_600_000_001]


@pytest.mark.parametrize("times", [[EPOCH, None, EPOCH], [None, EPOCH], [EPOCH, None]])
def test_a_stream_that_is_stamped_in_parts_keeps_no_stamps(clock: Clock, times: list[int | None]) -> None:
    watched = watch()
    for at in times:
        watched.data(token(at))
    made = watched.stream()
    assert (made.stamps, made.first_stamp_ns) == (b"", None)
    assert sum(ints(made.counts, "H")) == len(times)


def test_a_token_takes_at_most_16_bytes(clock: Clock) -> None:
    watched = watch()
    for index in range(1000):
        watched.data(token(EPOCH + index))
    made = watched.stream()
    assert len(made.arrivals) + len(made.counts) + len(made.stamps) <= 16 * 1000


def test_more_tokens_in_a_read_than_a_row_can_hold(clock: Clock) -> None:
    watched = watch()
    watched.data(token())
    clock.now = 2_000
    watched.data(token() * 140_000 + END)
    made = watched.stream()
    assert made.outcome == Outcome.OK
    assert ints(made.counts, "H") == [1, 65_535, 65_535, 140_000 - 2 * 65_535]
    assert ints(made.arrivals, "q") == [1_000, 2_000, 2_000, 2_000]


def test_tokens_before_a_broken_line_of_the_same_read_count(clock: Clock) -> None:
    watched = watch()
    with pytest.raises(protocols.Undecodable) as raised:
        watched.data(token(EPOCH) + token(EPOCH) + b"}\n")
    watched.fail(raised.value, ())
    made = watched.stream()
    assert (made.outcome, made.error) == (Outcome.UNDECODABLE, str(raised.value))
    assert ints(made.counts, "H") == [2]
    assert len(ints(made.stamps, "i")) == 2


def test_a_whole_answer_has_its_text_in_the_last_read(clock: Clock) -> None:
    watched = watch("openai-chat", stream=False)
    body = b'{"choices":[{"message":{"content":"Hi"}}]}'
    watched.data(body[:9])
    clock.now = 3_000
    watched.data(body[9:])
    watched.finish()
    made = watched.stream()
    assert (made.outcome, ints(made.counts, "H"), ints(made.arrivals, "q")) == (
        Outcome.OK,
        [0, 1],
        [1_000, 3_000],
    )


def test_an_empty_body_is_truncated(clock: Clock) -> None:
    watched = watch()
    watched.headers(200)
    watched.finish()
    made = watched.stream()
    assert (made.outcome, made.arrivals, made.size) == (Outcome.TRUNCATED, b"", 0)
    assert made.error


@pytest.mark.parametrize("ends", ["finish", "fail"])
def test_the_body_of_a_refusal_is_kept_and_bounded(clock: Clock, ends: str) -> None:
    watched = watch()
    watched.headers(503)
    for _ in range(100):
        watched.data(b"no \xff" * 100)
    if ends == "finish":
        watched.finish()
    else:
        watched.fail(ConnectionResetError(), ())
    made = watched.stream()
    assert (made.outcome, made.status, made.size) == (Outcome.HTTP_STATUS, 503, 40_000)
    assert made.error.startswith("no \ufffdno \ufffd")
    assert len(made.error) <= MAX_SHOWN + 1
    assert set(ints(made.counts, "H")) == {0}


@pytest.mark.parametrize(
    ("data", "outcome"),
    [(END, Outcome.OK), (b'{"error":"no"}\n', Outcome.SERVER_ERROR), (b"", Outcome.RESET)],
)
@pytest.mark.parametrize("expired", [None, Outcome.IDLE_TIMEOUT])
def test_the_servers_message_is_kept(
    clock: Clock, data: bytes, outcome: Outcome, expired: Outcome | None
) -> None:
    watched = watch()
    watched.headers(200)
    watched.data(data)
    watched.expired = expired
    watched.fail(ConnectionResetError("gone"), ())
    made = watched.stream()
    assert made.outcome == (expired if expired and outcome == Outcome.RESET else outcome)
    assert ("gone" in made.error) == (made.outcome == Outcome.RESET)


KINDS = [
    # -- by the lines of a read: what they are, the mark of the first answer
    (["thinking", "thinking"], ["answer"], (1_200, 2, 0), 2_000),
    (["thinking", "answer"], [], (1_200, 1, 0), 1_200),
    (["tools"], ["tools"], (1_200, 0, 2), 1_200),
    (["thinking"], ["tools"], (1_200, 1, 1), 2_000),
    (["thinking"], [], (1_200, 1, 0), None),
    ([], [], (None, 0, 0), None),
]
LINES = {
    "answer": b'{"message":{"content":"a"}}\n',
    "thinking": b'{"message":{"thinking":"hm"}}\n',
    "tools": b'{"message":{"content":"","tool_calls":[{"function":{"name":"f"}}]}}\n',
}


@pytest.mark.parametrize(("first", "second", "counts", "answer"), KINDS)
def test_every_kind_of_output_starts_the_clock_and_is_counted_apart(
    clock: Clock, first: list[str], second: list[str], counts: tuple[int | None, int, int], answer: int | None
) -> None:
    watched = watch("ollama-chat")
    for now, lines in ((1_200, first), (2_000, second)):
        clock.now = now
        watched.data(b"".join(LINES[line] for line in lines))
        if first:
            assert watched.expired_timeout(Timeouts(first_token=1e-9, idle=5), 9_000) is None
    watched.data(END)
    watched.finish()
    made = watched.stream()
    with_output = [at for at, n in zip(ints(made.arrivals, "q"), ints(made.counts, "H"), strict=True) if n]
    found = (next(iter(with_output), None), made.thinking_events, made.tool_call_events)
    assert (found, made.first_answer, made.outcome) == (counts, answer, Outcome.OK)


@pytest.mark.parametrize(
    ("protocol", "data", "outcome"),
    [
        ("ollama-generate", b'{"done":true}\n', Outcome.EMPTY),
        ("ollama-generate", b'{"done":true,"eval_count":9}\n', Outcome.EMPTY),
        ("ollama-generate", b'{"done":true,"done_reason":"load"}\n', Outcome.OK),
        ("ollama-generate", b'{"done":true,"response":"a"}\n', Outcome.OK),
        ("ollama-generate", b"", Outcome.TRUNCATED),
        ("openai-chat", b"data: [DONE]\n\n", Outcome.EMPTY),
        (
            "openai-chat",
            b'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\ndata: [DONE]\n\n',
            Outcome.EMPTY,
        ),
        ("openai-chat", b'data: {"choices":[{"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n', Outcome.OK),
        ("openai-chat", b'data: {"choices":[{"delta":{"refusal":"no"}}]}\n\ndata: [DONE]\n\n', Outcome.OK),
        ("openai-chat", b": ping\n\n", Outcome.TRUNCATED),
    ],
)
def test_an_end_without_output_needs_a_reason(
    clock: Clock, protocol: str, data: bytes, outcome: Outcome
) -> None:
    for expired in (None, Outcome.IDLE_TIMEOUT):
        watched = watch(protocol)
        watched.data(data)
        watched.expired = expired
        watched.finish()
        made = watched.stream()
        assert made.outcome == (expired if expired and outcome == Outcome.TRUNCATED else outcome)
        assert bool(made.error) == (made.outcome in (Outcome.EMPTY, Outcome.TRUNCATED))


def test_a_stream_that_nobody_ended_was_stopped(clock: Clock) -> None:
    watched = watch()
    clock.now = 4_000
    made = watched.stream()
    assert (made.outcome, made.end, made.status, made.headers) == (Outcome.STOPPED, 4_000, None, None)


def test_an_error_is_text_that_can_be_sent(clock: Clock) -> None:
    watched = watch()
    watched.fail(RuntimeError("\udcff" + "x" * 9000), ())
    made = watched.stream()
    assert made.outcome == Outcome.FAILED
    assert made.error.startswith("RuntimeError: ?xxx")
    assert len(made.error) == module.MAX_ERROR_BYTES


LIMITS = Timeouts(connect=1, first_token=2, idle=3, total=10)


def late(watched: StreamRecorder, seconds: float) -> Outcome | None:
    return watched.expired_timeout(LIMITS, 1_000 + int(seconds * SECOND))


def test_which_timeout_has_run_out(clock: Clock) -> None:
    watched = watch()
    assert late(watched, 2) is None
    assert late(watched, 2.1) == Outcome.FIRST_TOKEN_TIMEOUT
    watched.headers(200)
    clock.now += SECOND
    watched.data(b"\n")
    assert late(watched, 2.1) == Outcome.FIRST_TOKEN_TIMEOUT
    watched.data(token())
    assert late(watched, 4) is None
    assert late(watched, 4.1) == Outcome.IDLE_TIMEOUT
    clock.now += 3 * SECOND
    watched.data(b"\n")
    assert late(watched, 6.9) is None
    assert late(watched, 7.1) == Outcome.IDLE_TIMEOUT
    clock.now += 3 * SECOND
    watched.data(b"\n")
    assert late(watched, 10) is None
    assert late(watched, 10.1) == Outcome.TOTAL_TIMEOUT


def test_a_stream_ends_with_its_protocol_and_the_wait_after_it_is_bounded(clock: Clock) -> None:
    limits = Timeouts(first_token=2, idle=3, total=10, drain=0.5)
    for protocol, end in (("ollama-generate", END), ("openai-chat", b"data: [DONE]\n\n")):
        clock.now = 1_000
        watched = watch(protocol)
        watched.headers(200)
        clock.now = SECOND
        watched.data(token() if protocol == "ollama-generate" else b'data: {"choices":[{"text":"a"}]}\n\n')
        watched.data(end)
        for after, data in ((0.2, b"\n"), (0.4, b"more"), (0.45, end)):
            clock.now = SECOND + int(after * SECOND)
            watched.data(data)
        assert watched.expired_timeout(limits, SECOND + SECOND // 2) is None
        assert watched.expired_timeout(limits, SECOND + SECOND // 2 + 1) == Outcome.OK
        clock.now = 4 * SECOND
        watched.fail(ConnectionResetError(), ())
        made = watched.stream()
        assert (made.outcome, made.end, made.drain_ns) == (Outcome.OK, SECOND, 3 * SECOND)


def test_the_wait_for_the_rest_of_a_refusal_or_of_a_broken_answer_is_bounded(clock: Clock) -> None:
    limits = Timeouts(first_token=9, idle=9, total=9, drain=0.5)
    for status, outcome in ((503, Outcome.HTTP_STATUS), (200, Outcome.UNDECODABLE)):
        clock.now = 1_000
        watched = watch()
        watched.headers(status)
        for _ in range(3):
            watched.data(b"<busy>\n")
            clock.now += SECOND // 10
        assert watched.expired_timeout(limits, 1_000 + SECOND // 2) is None
        assert watched.expired_timeout(limits, 1_001 + SECOND // 2) == outcome
        watched.expired = outcome
        watched.fail(ConnectionResetError(), ())
        made = watched.stream()
        assert (made.outcome, made.drain_ns) == (outcome, None)
        assert "<busy> <busy> <busy>" in made.error


def test_the_total_timeout_counts_before_the_others(clock: Clock) -> None:
    watched = watch()
    both = Timeouts(first_token=2, total=1)
    assert watched.expired_timeout(both, 1_000 + int(2.5 * SECOND)) == Outcome.TOTAL_TIMEOUT


class Odd(Exception):
    """A library's own."""


def causing(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def during(error: BaseException, context: BaseException) -> BaseException:
    error.__context__ = context
    return error


def reasoned(error: BaseException, reason: BaseException) -> BaseException:
    error.reason = reason  # type: ignore[attr-defined]
    return error


TABLE: Failures = ((Odd, "late", Outcome.CONNECT_TIMEOUT), (Odd, "odd", Outcome.UNDECODABLE))


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ConnectionRefusedError(), Outcome.REFUSED),
        (socket.gaierror(-2, "unknown"), Outcome.UNRESOLVED),
        (ConnectionResetError(), Outcome.RESET),
        (BrokenPipeError(), Outcome.RESET),
        (ConnectionAbortedError(), Outcome.RESET),
        (OSError("disk"), Outcome.FAILED),
        (Odd("too late"), Outcome.CONNECT_TIMEOUT),
        (Odd("odd"), Outcome.UNDECODABLE),
        (Odd("other"), Outcome.FAILED),
        (causing(Odd("other"), ConnectionResetError()), Outcome.RESET),
        (causing(Odd("odd"), ConnectionResetError()), Outcome.UNDECODABLE),
        (causing(Odd("odd"), ConnectionRefusedError()), Outcome.REFUSED),
        (causing(RuntimeError(), during(RuntimeError(), Odd("late"))), Outcome.CONNECT_TIMEOUT),
        (RuntimeError("text", RuntimeError(ConnectionRefusedError())), Outcome.REFUSED),
        (reasoned(RuntimeError(), socket.gaierror()), Outcome.UNRESOLVED),
        (protocols.Undecodable("x"), Outcome.UNDECODABLE),
        (causing(protocols.Undecodable("x"), ConnectionRefusedError()), Outcome.UNDECODABLE),
    ],
    ids=repr,
)
def test_the_outcome_behind_an_exception(error: BaseException, outcome: Outcome) -> None:
    assert classify(error, TABLE) == outcome


@pytest.mark.parametrize("tie", [causing, during, reasoned])
def test_a_circle_of_causes_ends(tie: Callable[[BaseException, BaseException], BaseException]) -> None:
    first, second = RuntimeError(), RuntimeError()
    tie(first, second)
    tie(second, first)
    assert classify(first, TABLE) == Outcome.FAILED

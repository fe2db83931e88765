"""Record the marks of one stream and the arrival of every read.

``data`` is the hot path: one clock reading per read, before any decoding, and at most 14 bytes kept per text
event (arrival 8, count 2, server's stamp 4).
"""

from __future__ import annotations

import contextlib
import socket
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns

from loadgen.clients import Failures, Phase, Undelivered, no_headers
from loadgen.engine.failures import (
    MAX_BODY_BYTES,
    Headers,
    certificate,
    classify,
    no_answer,
    refusal,
    reported,
)
from loadgen.engine.surplus import MESSAGE, Connections
from loadgen.engine.system import port, since_sent_ns
from loadgen.model import NOTHING, Asked, Outcome, Output, Stream, Timeouts, Usage
from loadgen.protocols import Decoder, End, Error, Event, Searching, Token, Undecodable

MAX_ERROR_BYTES = 2048
_BY_SERVER = (Outcome.OK, Outcome.EMPTY, Outcome.SERVER_ERROR, Outcome.HTTP_STATUS, Outcome.UNDECODABLE)
_ANSWER, _THINKING = Output.ANSWER, Output.THINKING
_ONE = array("H", [1])
_NO_USAGE, _NO_SIZES = Usage(), array("I")
MAX_COUNT = 0xFFFF  # text events that a row of arrivals can hold


class Interim(Exception):
    """An interim response (1xx) in the place of an answer: the connection must not be used again."""


class WrongVersion(Exception):
    """The connection speaks another version of HTTP than the scenario asks for."""


class Ended(Exception):
    """The engine has ended the stream."""


def do_nothing() -> None:
    """Stand in for ``cancel`` when a stream is over."""


def _no_token(data: bytes) -> None:
    """Stand in for a decoder's ``plain_token``."""


def _end(data: bytes) -> None:  # noqa: ARG001
    """Stand in for it where the read must not be taken. Raises Ended."""
    raise Ended


@dataclass(slots=True, eq=False)
class StreamRecorder:
    """Record one stream while it is open, from now on; :meth:`stream` returns the result."""

    number: int
    slot: int
    due: int
    decoder: Decoder
    expired: Outcome | None = None
    run_wait_ns: int | None = None
    held_ns: int | None = None
    cancel: Callable[[], object] | None = None  # the driver's way to end it, where it has one
    sock: socket.socket | None = None  # of its connection
    connections: Connections | None = None  # what is known of all of them; None where streams share them
    http: str = "1.1"  # the version that it must speak
    asked: Asked = NOTHING
    expired_error: str = ""
    _headers: int | None = None
    _sent: int | None = None
    _phases: dict[Phase, int] = field(default_factory=dict)  # of opening its connection: how long each took
    _status: int | None = None
    _end: int | None = None  # the protocol's
    _closed: int | None = None
    _outcome: Outcome | None = None
    _error: str = ""
    _spoken: str = ""
    _port: int | None = None
    _header: Headers = no_headers
    _broken: Undecodable | None = None  # before any event
    _broken_at: int = 0
    _head: bytearray | None = field(default_factory=bytearray)  # of the body, until it has held an event
    _usage: Usage = _NO_USAGE
    _first_answer: int | None = None
    _other: dict[Output, int] = field(default_factory=dict)  # text events that carry no answer, of each kind
    _first_stamp: int | None = None
    _size: int = 0
    _arrivals: array[int] = field(default_factory=lambda: array("q"))
    _counts: array[int] = field(default_factory=lambda: array("H"))  # one each for the reads that it lacks
    _text_events: int = 0  # of the reads in it
    _stamps: array[int] = field(default_factory=lambda: array("i"))
    _sizes: array[int] = field(default_factory=lambda: _NO_SIZES)  # of each read, where they are kept
    # The decoder's, while the answer is text: most reads after one with a token of text bring one more.
    _plain_token: Callable[[bytes], int | None] = _no_token
    _start: int = field(init=False)

    def __post_init__(self) -> None:
        self._start = perf_counter_ns()

    def connected(self, sock: socket.socket) -> None:
        """Keep the socket of the stream's connection."""
        self.sock = sock

    def phase(self, phase: Phase, ns: int) -> None:
        """Keep how long a phase of opening the stream's connection took, over all attempts."""
        self._phases[phase] = self._phases.get(phase, 0) + ns

    def connection(self, *, http: str = "", port: int | None = None, sent_ns: int | None = None) -> None:
        """Keep what is known of the connection. Raises WrongVersion."""
        self._port = port or self._port
        if sent_ns is not None:
            self._sent = self._start + sent_ns
        if http:
            self._spoken = http
            if http.partition(".")[0] != self.http.partition(".")[0]:  # a server may answer 1.1 with 1.0
                self._outcome = Outcome.FAILED
                self._error = f"the connection speaks HTTP/{http}, not HTTP/{self.http} as the scenario asks"
                raise WrongVersion(self._error)

    def abort(self) -> None:
        """End the stream from outside."""
        sock = self.sock
        if self.cancel is not None:
            self.cancel()
        elif sock is None:  # others are on its connection: what it reads next raises
            self._plain_token = _end
        elif sock.fileno() >= 0:  # the descriptor of a closed socket, -1, is no other's
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def headers(self, status: int, header: Headers = no_headers) -> None:
        """Mark the headers, which the library has handed over. Raises Interim for those of no final answer."""
        now = self._headers = perf_counter_ns()
        if self.sock is not None:
            self._port = port(self.sock) or self._port
            since = since_sent_ns(self.sock) if self.http == "1.1" else None
            self._sent = None if since is None else max(self._start, now - since)
            if self.connections is not None and self.connections.is_surplus(
                self.sock, self._port, self._start
            ):
                self._outcome, self._error = Outcome.UNDECODABLE, MESSAGE
                raise Undecodable(MESSAGE)
        self._status, self._header = status, header
        if status < 200:
            # The answer is still to come, and must not be read as that of the connection's next request.
            self._outcome = Outcome.HTTP_STATUS
            self._error = f"the library took the interim response {status} for the answer"
            raise Interim(self._error)
        if not 200 <= status < 300:
            self._outcome = Outcome.HTTP_STATUS

    def data(self, data: bytes) -> None:
        """Mark and decode bytes that the library has handed over. Raises Undecodable."""
        now = perf_counter_ns()
        plain_token = self._plain_token  # called as an attribute, a slot is looked up anew each time
        stamp = plain_token(data)
        if stamp is None:
            self._read(data, now)
            return
        self._arrivals.append(now)
        self._size += len(data)
        if stamp:
            try:
                self._stamps.append((stamp - self._first_stamp) // 1000)  # type: ignore[operator]
            except (TypeError, OverflowError):
                self._stamp(stamp)

    def _read(self, data: bytes, now: int) -> None:
        """Keep any read. Raises Undecodable."""
        if not data:
            return
        self._count_plain()
        self._arrivals.append(now)
        self._size += len(data)
        head = self._head
        if head is not None:
            head += data[: MAX_BODY_BYTES - len(head)]
            if self._outcome is Outcome.HTTP_STATUS or self._broken is not None:
                self._counts.append(0)
                if self._broken is not None and len(head) == MAX_BODY_BYTES:
                    raise self._broken
                return
        failure = None
        try:
            events: Sequence[Event] = self.decoder.feed(data)
        except Undecodable as error:
            events, failure = error.events, error
        if head is not None and events:
            self._head = None
        count = self._take(events, now)
        try:
            self._counts.append(count)
        except OverflowError:  # such a read takes several rows
            full, rest = divmod(count, MAX_COUNT)
            self._arrivals.extend(self._arrivals[-1:] * full)
            self._counts.extend([MAX_COUNT] * full + [rest])
        last = events[-1] if events and failure is None else None
        if type(last) is Token and last.kind is _ANSWER:
            self._plain_token = getattr(self.decoder, "plain_token", _no_token)
        elif self._plain_token is not _end:
            self._plain_token = _no_token
        if failure is not None:
            if self._head is None or len(self._head) == MAX_BODY_BYTES:
                raise failure
            self._broken, self._broken_at = failure, now  # what follows shows what it is instead

    def _take(self, events: Sequence[Event], now: int) -> int:
        """Keep what the events of the read at ``now`` hold; return how many of them have output."""
        count = 0
        for event in events:
            if type(event) is Token:
                count += 1
                if (kind := event.kind) is not _ANSWER:
                    self._other[kind] = self._other.get(kind, 0) + 1
                stamp = event.stamp_ns
                if stamp is not None:
                    self._stamp(stamp)
            elif isinstance(event, End):
                self._end = self._end or now
                self._outcome = Outcome.OK
                self._usage = event.usage
            elif isinstance(event, Error):
                self._end = self._end or now
                self._outcome = Outcome.SERVER_ERROR
                self._error = event.message
        self._text_events += count
        if count and self._first_answer is None and self._text_events > self._other.get(_THINKING, 0):
            self._first_answer = now
        return count

    def _count_plain(self) -> None:
        """Count the reads since the last other one, which had one token each."""
        plain = len(self._arrivals) - len(self._counts)
        if plain:
            self._counts.extend(_ONE * plain)
            self._text_events += plain

    def _stamp(self, stamp: int) -> None:
        first = self._first_stamp
        if first is None:
            first = self._first_stamp = stamp
        try:
            self._stamps.append((stamp - first) // 1000)
        except OverflowError:  # beyond 35 minutes
            self._stamps = array("q", self._stamps)
            self._stamps.append((stamp - first) // 1000)

    def finish(self) -> None:
        """Mark the end of the body. Raises Undecodable."""
        self._closed = perf_counter_ns()
        if self.connections is not None and self.sock is not None:
            self.connections.end_answer(self.sock, self._port)
        if self._outcome is Outcome.HTTP_STATUS:
            return
        if self._broken is not None:
            raise self._broken
        if self._outcome is None and (promised := self._promised()) > self._size:
            # Not every library looks.
            self._fail(
                Outcome.TRUNCATED, f"the body has {self._size:,} of {promised:,} bytes (Content-Length)"
            )
            return
        self._count_plain()
        if self._size and (events := self.decoder.eof()):
            self._head = None
            self._counts[-1] += self._take(events, self._arrivals[-1])
        if self._outcome is None:
            text = "the body ended before the protocol's end" if self._size else "the response has no body"
            missed = self._missed(end=True)
            self._fail(Outcome.TRUNCATED, f"{text}: {missed}" if missed else text)

    def fail(self, error: BaseException, failures: Failures) -> None:
        """Mark the end of a stream whose library, or decoder, raised ``error``."""
        self._closed = perf_counter_ns()
        if isinstance(error, Undelivered):
            error = self._undelivered(error, self._closed)
        error = self._broken or error
        if self._outcome is None:  # or the server's own answer stands
            text = str(error) if isinstance(error, Undecodable) else f"{type(error).__name__}: {error}"
            if self._status is None and (why := certificate(error)):
                self._fail(Outcome.FAILED, why)
            else:
                self._fail(classify(error, failures), text)

    def _promised(self) -> int:
        """Return how many bytes the body was said to have; 0 where that is not known."""
        length = self._header("Content-Length") or ""
        return int(length) if length.isdecimal() and not self._header("Content-Encoding") else 0

    def _missed(self, *, end: bool) -> str:
        return self.decoder.missed(end=end) if isinstance(self.decoder, Searching) else ""

    def _fail(self, outcome: Outcome, error: str) -> None:
        """Keep why the stream failed; a response that held no event has said why, if anything did."""
        self._outcome, self._error = outcome, error
        if self._status is None or self._head is None:
            return
        if (message := reported(self._header, self._head)) is not None:
            self._outcome, self._error = Outcome.SERVER_ERROR, message
        else:
            self._error = f"{error} ({no_answer(self._status, self._header, self._head)})"

    def _undelivered(self, error: Undelivered, now: int) -> BaseException:
        """Return why the library failed on what it read; of that only an error that the server reports counts."""
        if self._head is not None:
            self._head += error.read[: MAX_BODY_BYTES - len(self._head)]
        try:
            events = [*self.decoder.feed(error.read), *self.decoder.eof()] if self._outcome is None else []
        except Undecodable as own:
            return own
        self._take([event for event in events if isinstance(event, Error)], now)
        return error.__cause__ or error

    def expires(self, timeouts: Timeouts) -> tuple[int, Outcome]:
        """Return when a timeout runs out if nothing more comes, and the outcome then."""
        over = self._headers if self._outcome is Outcome.HTTP_STATUS else self._end
        if self._broken is not None:
            over = self._broken_at
        if over is not None:
            return over + round(timeouts.drain * 1e9), self._outcome or Outcome.UNDECODABLE
        total = self._start + round(timeouts.total * 1e9)
        if self.has_begun:
            next_one, outcome = self._arrivals[-1] + round(timeouts.idle * 1e9), Outcome.IDLE_TIMEOUT
        else:
            next_one, outcome = self._start + round(timeouts.first_token * 1e9), Outcome.FIRST_TOKEN_TIMEOUT
        return (total, Outcome.TOTAL_TIMEOUT) if total <= next_one else (next_one, outcome)

    def expired_timeout(self, timeouts: Timeouts, now: int) -> Outcome | None:
        """Return the timeout that has run out at ``now``, if any; the outcome where it is the wait after that."""
        at, outcome = self.expires(timeouts)
        return outcome if now > at else None

    @property
    def text_events(self) -> int:
        """Return how many events with output have come."""
        return self._text_events + len(self._arrivals) - len(self._counts)

    @property
    def has_begun(self) -> bool:
        """Return whether what the stream is for has begun to come."""
        return self.text_events > 0

    @property
    def silent_since(self) -> int | None:
        """Return when the library last handed something over; ``None`` before the headers."""
        return self._arrivals[-1] if self._arrivals else self._headers

    def stream(self) -> Stream:
        """Return what happened."""
        self._count_plain()
        outcome = self._outcome
        error = self._error
        if outcome is Outcome.HTTP_STATUS:
            error = error or refusal(self._header, self._head or b"")
        if outcome is Outcome.OK and not self.has_begun:
            missed = self._missed(end=False)
            if missed or not self._usage.finish_reason:
                outcome = Outcome.EMPTY
                error = missed or "the answer ended without output and without a reason"
        # A stream that its protocol has ended, or that the server refused, was not ended by us.
        if self.expired and outcome not in _BY_SERVER:
            seen = self._status and self._head and no_answer(self._status, self._header, self._head)
            outcome, error = self.expired, self.expired_error or seen or ""
        # Where only some events are stamped, there is no lag.
        stamped = len(self._stamps) == self.text_events
        closed = self._closed if self._closed is not None else perf_counter_ns()
        end = self._end if self._end is not None else closed
        return Stream(
            slot=self.slot,
            due=self.due,
            start=self._start,
            headers=self._headers,
            end=end,
            drain_ns=None if self._end is None else closed - end,
            outcome=outcome or Outcome.STOPPED,
            status=self._status,
            error=error[:MAX_ERROR_BYTES].encode(errors="replace").decode(),
            size=self._size,
            arrivals=self._arrivals.tobytes(),
            counts=self._counts.tobytes(),
            stamps=self._stamps.tobytes() if stamped else b"",
            sizes=self._sizes.tobytes(),
            first_stamp_ns=self._first_stamp if stamped else None,
            usage=self._usage,
            run_wait_ns=self.run_wait_ns,
            held_ns=self.held_ns,
            sent=self._sent,
            **{f"{phase}_ns": ns for phase, ns in self._phases.items()},
            first_answer=self._first_answer,
            prompt=self.asked.prompt,
            input_asked=self.asked.input_tokens,
            output_asked=self.asked.output_tokens,
            session=self.asked.session,
            turn=self.asked.turn,
            http=self._spoken,
            port=self._port,
            **{f"{kind}_events": count for kind, count in self._other.items()},
        )


@dataclass(slots=True, eq=False)
class KeepingRecorder(StreamRecorder):
    """Record a stream, and keep its body: the next turn of its conversation has the answer in it."""

    body: bytearray = field(default_factory=bytearray)

    def data(self, data: bytes) -> None:
        StreamRecorder.data(self, data)  # not super(): slots make the class anew
        self.body += data


@dataclass(slots=True, eq=False)
class BytesRecorder(StreamRecorder):
    """Record a stream of which the bytes count: the size of every read, and no events."""

    _sizes: array[int] = field(default_factory=lambda: array("I"))

    def data(self, data: bytes) -> None:
        now = perf_counter_ns()
        if not data:
            return
        self._arrivals.append(now)
        self._counts.append(0)
        self._sizes.append(len(data))
        self._size += len(data)
        if self._outcome is not Outcome.HTTP_STATUS:
            self._head = None  # it would explain nothing
        elif self._head is not None:
            self._head += data[: MAX_BODY_BYTES - len(self._head)]

    @property
    def has_begun(self) -> bool:
        return self._size > 0

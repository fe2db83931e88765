"""What happened to one stream, and what the client's process used meanwhile.

Units stand in the names: ``_ns`` are nanoseconds, ``_ms`` milliseconds, ``_kib`` KiB; a field called after a time
without a unit is a ``time.perf_counter_ns()`` mark. ``None`` means "not measured" and is never replaced by 0.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple

MAX_MESSAGE_BYTES = 64 << 20  # of a line, an event or a whole answer, which is kept until its end has come
PAUSES = ("gc_pause", "loop_pause", "stopped", "throttled")  # the kinds of Pause


class Output(StrEnum):
    """What an event of output carries; each kind starts the clock of the first token and feeds the idle timeout."""

    ANSWER = "answer"  # text of the answer
    REFUSAL = "refusal"
    TOOL_CALL = "tool_call"
    THINKING = "thinking"  # text of the reasoning before the answer


class Outcome(StrEnum):
    """How a stream ended. Only ``OK`` is success: the protocol's own end arrived."""

    OK = "ok"
    REFUSED = "refused"  # no server listens there
    UNRESOLVED = "unresolved"  # the host name has no address
    CONNECT_TIMEOUT = "connect_timeout"
    FIRST_TOKEN_TIMEOUT = "first_token_timeout"
    IDLE_TIMEOUT = "idle_timeout"
    TOTAL_TIMEOUT = "total_timeout"
    HTTP_STATUS = "http_status"  # the response was not a 2xx
    SERVER_ERROR = "server_error"  # an error inside a 200
    EMPTY = "empty"  # the protocol's end came without any output, and without a reason
    TRUNCATED = "truncated"  # the body ended before the protocol's end
    RESET = "reset"  # the connection was torn down
    UNDECODABLE = "undecodable"  # bytes the protocol does not allow
    STOPPED = "stopped"  # ended by us: Ctrl-C or a ramp down
    FAILED = "failed"  # anything else; ``error`` has the message


@dataclass(frozen=True, slots=True)
class Usage:
    """What the server reports about a stream in its last event; every field may be missing."""

    total_ns: int | None = None
    load_ns: int | None = None
    prompt_tokens: int | None = None
    prompt_ns: int | None = None
    tokens: int | None = None
    decode_ns: int | None = None
    at_ns: int | None = None  # its clock at that event, since the epoch
    thinking_tokens: int | None = None  # of ``tokens``
    cached_tokens: int | None = None  # of ``prompt_tokens``: the server had them in its cache
    finish_reason: str = ""  # why the answer ended, in the server's own word


class Asked(NamedTuple):
    """What a stream asks: the number of the workload's prompt, and how many tokens of input and output."""

    prompt: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    session: int | None = None  # which conversation of its slot
    turn: int | None = None


NOTHING = Asked()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What happened to one stream. Raw marks and arrivals only; everything else is derived from them.

    ``arrivals`` is the ``perf_counter_ns`` of every read (int64), ``counts`` how many text events each read
    completed (uint16), ``stamps`` the server's own time of each text event, in microseconds after
    ``first_stamp_ns`` (int32; int64 when a stream outlasts it), ``sizes`` the bytes of each read (uint32; empty where
    tokens count). All little-endian bytes. A text event carries output
    of any kind; those that are no answer are counted apart. ``first_answer``: the first that is no thinking.
    """

    slot: int
    due: int
    start: int
    headers: int | None
    end: int
    outcome: Outcome
    status: int | None
    error: str
    size: int  # bytes of the body
    arrivals: bytes
    counts: bytes
    stamps: bytes
    first_stamp_ns: int | None  # nanoseconds since the epoch
    usage: Usage
    sent: int | None = None  # mark: the connection had sent the request, as far as the kernel's ticks tell
    dns_ns: int | None = None  # how long opening its own connection took, by phases; None where it reused one
    connect_ns: int | None = None  # TCP; with the name lookup where the library does not tell them apart
    tls_ns: int | None = None
    run_wait_ns: int | None = None  # its thread was runnable but not running; None where it shares a thread
    first_answer: int | None = None
    held_ns: int | None = (
        None  # it waited, once due, for one of ``max_streams`` to end; None in a closed loop
    )
    drain_ns: int | None = None  # from the protocol's end, which is ``end``, to that of the body
    thinking_events: int = 0
    tool_call_events: int = 0
    refusal_events: int = 0
    prompt: int | None = None  # which of the workload's prompts
    input_asked: int | None = None  # tokens
    output_asked: int | None = None
    session: int | None = None
    turn: int | None = None
    http: str = ""  # the version that its connection spoke; "" where the client does not tell
    port: int | None = None  # its connection's, on this side
    sizes: bytes = b""

    @property
    def first_token(self) -> int | None:
        """Return the mark of the first text event; ``None`` for a stream without one."""
        counts = memoryview(self.counts).cast("H")
        first = next((place for place, count in enumerate(counts) if count), None)
        return None if first is None else int(memoryview(self.arrivals).cast("q")[first])


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the engine process used at ``at``. Totals over all threads are taken at the window's edges only."""

    at: int
    rss_kib: int | None = None
    peak_rss_kib: int | None = None
    threads: int | None = None
    cpu_ns: int | None = None
    voluntary: int | None = None
    involuntary: int | None = None
    run_wait_ns: int | None = None
    streams_open: int | None = None


class Pause(NamedTuple):
    """A time in which the whole engine did nothing else: it collected garbage, ran one iteration of asyncio's loop,
    was stopped by a signal or a debugger, or was throttled because its control group had used up its CPU quota.
    """

    kind: Literal["gc_pause", "loop_pause", "stopped", "throttled"]
    begin: int
    end: int


class CpuSample(NamedTuple):
    """CPU time of the engine process until ``at``, and how long its main thread was runnable but not running."""

    at: int
    cpu_ns: int
    run_wait_ns: int | None

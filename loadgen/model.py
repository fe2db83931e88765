"""The nouns: a few frozen, plain types that carry everything from the scenario to the report.

    scenario.yaml -> Scenario -> Cell -> (engine) -> Stream, Sample -> Recording -> Run -> Summary -> Finding

Nothing here imports anything but the standard library, because the process that measures a client
imports this page too. Units stand in the names: ``_ns`` are nanoseconds, ``_ms`` milliseconds, ``_kib``
KiB; a field called after a time without a unit is a ``time.perf_counter_ns()`` mark. ``None`` means
"not measured" and is never replaced by 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

Table = Mapping[str, Any]  # column name -> one-dimensional numpy array, all of one length
TWIN = "(A/A)"  # ends the label of a client's twin
Mode = Literal["threads", "tasks", "greenlets"]
SPELLS = ("gc", "turn")  # the kinds of Spell


class Outcome(StrEnum):
    """How a stream ended. Only ``OK`` is success: the protocol's own end arrived."""

    OK = "ok"
    REFUSED = "refused"  # nobody listens there
    UNRESOLVED = "unresolved"  # the host name has no address
    CONNECT_TIMEOUT = "connect_timeout"
    FIRST_TOKEN_TIMEOUT = "first_token_timeout"
    IDLE_TIMEOUT = "idle_timeout"
    TOTAL_TIMEOUT = "total_timeout"
    HTTP_STATUS = "http_status"  # answered, but not with a 2xx
    SERVER_ERROR = "server_error"  # an error inside a 200
    TRUNCATED = "truncated"  # the body ended before the protocol's end
    RESET = "reset"  # the connection was torn down
    UNDECODABLE = "undecodable"  # bytes the protocol does not allow
    STOPPED = "stopped"  # ended by us: Ctrl-C or a ramp down
    FAILED = "failed"  # anything else; ``error`` says what


class Validity(StrEnum):
    """Whether a measurement may be believed."""

    VALID = "valid"
    SUSPECT = "suspect"
    INVALID = "invalid"


# ---------------------------------------------------------------------------------------- what to measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulator:
    """How the embedded server answers. Times are seconds, fractions 0..1.

    ``ttft`` and ``gap`` are means; ``jitter`` is the coefficient of variation (standard deviation divided by
    mean) of both. A request waits for one of ``parallel`` slots, first come first served; when ``max_queue``
    wait already it is answered 503.
    """

    ttft: float = 0.3
    gap: float = 0.05
    tokens: int = 60
    jitter: float = 0.0
    distribution: Literal["constant", "uniform", "lognormal", "gamma"] = "lognormal"
    prefill: float = 0.0  # seconds added to the time to first token per token of the prompt
    load: float = 0.0  # seconds the first request waits for the model to load
    parallel: int | None = None
    max_queue: int = 512
    models: tuple[str, ...] = ()  # empty: every model is known
    split: float = 0.0  # fraction of tokens cut in two chunks, inside a UTF-8 character where there is one
    merge: float = 0.0  # fraction of tokens sent in one chunk with the next
    faults: Mapping[str, float] = field(default_factory=dict)  # fault name -> fraction of requests
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where the streams go: a URL with headers, or the embedded simulator (then ``url`` is ``None``)."""

    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    simulator: Simulator | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """One HTTP client, with the options that make it a variant of its own."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    twin: bool = False  # measured a second time under another name, to see what differs by itself
    python: str | None = None  # path of the interpreter that runs its engine; None: ours

    @property
    def label(self) -> str:
        """The name in every table, for example ``requests``, ``requests session=shared`` or ``requests (A/A)``."""
        told = (
            f"{key}={str(value).lower() if isinstance(value, bool) else value}"
            for key, value in sorted(self.options.items())
        )
        return " ".join([self.name, *told, *([TWIN] if self.twin else [])])


@dataclass(frozen=True, slots=True)
class Stage:
    """From the number of streams before to ``to``, evenly within ``over`` seconds; 0: at once."""

    to: int
    over: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Closed-loop load: every slot runs stream after stream, for ``duration``, ``requests`` times, or as
    ``stages`` say.

    One of the three is set in a scenario; none of them means until told to stop. Slots start at seeded offsets
    within ``ramp`` seconds; ``ramp_per_stream``, times the streams of a cell, is its ramp. Streams due within
    ``warmup`` seconds are kept but left out of the figures.
    """

    duration: float | None = None
    requests: int | None = None
    stages: tuple[Stage, ...] = ()
    ramp: float = 0.0
    ramp_per_stream: float = 0.0
    warmup: float = 0.0

    @property
    def seconds(self) -> float | None:
        """How long new streams are started; None where that is not a matter of time."""
        return sum(stage.over for stage in self.stages) if self.stages else self.duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds. ``first_token`` and ``total`` count from the start of the stream, ``idle`` from the last read."""

    connect: float = 5.0
    first_token: float = 60.0
    idle: float = 30.0
    total: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """``[client[@concurrency].]metric op value``, for example ``aiohttp.ttft_p99_ms < 500``."""

    text: str
    metric: str
    op: Literal["<", "<=", ">", ">="]
    value: float
    client: str | None = None
    concurrency: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What to measure: the validated YAML, with files read and environment references filled in.

    ``secrets`` are the values that came from the environment or a credential header; they appear nowhere on
    disk or screen.
    """

    name: str
    target: Target
    clients: tuple[Client, ...]
    concurrency: tuple[int, ...]
    load: Load
    prompts: tuple[str, ...]
    protocol: str = "ollama-generate"
    model: str = "qwen3:1.7b"
    stream: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)  # the protocol's own, such as num_predict
    repeats: int = 1
    timeouts: Timeouts = Timeouts()
    thresholds: tuple[Threshold, ...] = ()
    answers: Literal["article"] | None = None  # whose table the report puts beside this run's
    seed: int = 0
    source: Path | None = None
    secrets: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One measurement: one client x one concurrency x one repeat. Crosses to the engine as JSON."""

    index: int
    client: Client
    concurrency: int
    repeat: int
    url: str
    headers: Mapping[str, str]
    protocol: str
    model: str
    prompts: tuple[str, ...]
    stream: bool
    options: Mapping[str, Any]
    load: Load
    timeouts: Timeouts
    seed: int
    cores: tuple[int, ...] = ()  # the engine runs on these; empty: on any
    slots: tuple[int, ...] | None = None  # those of the cell's slots that are this engine's; None: all


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, ready to send; built by the protocol, the same bytes for every client."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


# ---------------------------------------------------------------------------------------- what happened


@dataclass(frozen=True, slots=True)
class Figures:
    """What the server itself says of a stream in its last event; every field may be missing."""

    total_ns: int | None = None
    load_ns: int | None = None
    prompt_tokens: int | None = None
    prompt_ns: int | None = None
    tokens: int | None = None
    decode_ns: int | None = None
    at_ns: int | None = None  # its clock at that event, since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What happened to one stream. Raw marks and arrivals only; everything else is derived from them.

    ``arrivals`` is the ``perf_counter_ns`` of every read (int64), ``counts`` how many text events each read
    completed (uint16), ``stamps`` the server's own time of each text event, in microseconds after
    ``first_stamp_ns`` (int32; int64 when a stream outlasts it). All little-endian bytes.
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
    figures: Figures
    run_wait_ns: int | None = (
        None  # its thread was runnable but not running; None where streams share a thread
    )


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


class Spell(NamedTuple):
    """The whole engine was held up: by a collection of the garbage collector, or by one turn of asyncio's loop."""

    kind: Literal["gc", "turn"]
    begin: int
    end: int


class Pace(NamedTuple):
    """How far the engine process had come at ``at``: the CPU of all its threads, and how long its main thread was
    runnable but not running.
    """

    at: int
    cpu_ns: int
    run_wait_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the machine did during the measured window, beside the engine."""

    window_ns: int
    engine_cores: int | None = None  # how many cores the engine was pinned to; None: not pinned
    others_ns: int | None = None  # CPU that others took on the engine's cores
    steal_ns: int | None = None  # CPU that the hypervisor took there
    listen_overflows: int | None = None
    listen_drops: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRecord:
    """What the simulator says it did during one cell. Lateness is actual minus scheduled send time.

    ``late`` are the sends that were more than a millisecond late, the worst of them where there are very many:
    when each was due and when it left, nanoseconds since the epoch, as little-endian int64 pairs in the order
    sent.
    """

    streams: int
    open_peak: int
    sends: int
    late_p50_ms: float | None
    late_p99_ms: float | None
    late_max_ms: float | None
    late: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Everything that one cell left behind, as it lies on disk.

    ``streams`` has a row per stream: the scalar fields of :class:`Stream` and :class:`Figures`, ``reads`` and
    ``tokens`` (how many rows of the two flat tables are its own, in order); missing integers are -1.
    ``arrivals`` has ``at`` and ``count`` per read, ``stamps`` has ``us`` per text event, ``samples`` the fields
    of :class:`Sample`, missing as -1, ``spells`` and ``pace`` those of :class:`Spell` (``kind`` as its place in
    ``SPELLS``) and :class:`Pace`; older folders lack the last two.

    A cell that was spread over several workers leaves a recording for each, with marks of that worker's own
    clock; all have the index, client, concurrency and repeat of the cell.
    """

    index: int
    client: str
    mode: Mode
    concurrency: int
    repeat: int
    ended: str  # "" when it ran to its end, otherwise why not
    start: int
    window: tuple[int, int]
    clock: tuple[tuple[int, int], tuple[int, int]]  # (perf_counter_ns, time_ns) before and after
    same_host: bool  # the server reads the clock that we read
    base_rss_kib: int | None
    base_threads: int | None
    edges: tuple[Sample, ...]  # totals at the window's two edges; empty when the cell never got there
    machine: Machine | None
    server: ServerRecord | None
    streams: Table
    arrivals: Table
    stamps: Table
    samples: Table
    spells: Table = field(default_factory=dict)
    pace: Table = field(default_factory=dict)
    worker: str = ""  # who drove it; "" where the run had no workers
    share: int | None = None  # how many of the streams were this worker's; None: all


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What stays on disk. ``about`` is run.json: scenario as resolved, versions, machine, seed, cells."""

    folder: Path
    about: Mapping[str, Any]
    recordings: tuple[Recording, ...]


# ---------------------------------------------------------------------------------------- what follows


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The figures of one client at one concurrency, pooled over its repeats; field order is column order.

    Percentiles are nearest-rank over the pooled raw values of the streams due after the warm-up, ``None``
    where ``n`` cannot hold them. ``repeats`` are those that count: an invalid one is left out while others
    stand, but for ``streams``, ``ok``, ``errors`` and ``outcomes``. ``*_corrected_*`` count from ``due`` instead
    of ``start``; ``*_low`` and ``*_high`` are a 95 % interval: of three repeats or more by what they differ by, of
    fewer from resampling streams, which knows nothing of what differs from run to run. CPU, switches and
    tokens/s belong to the measured window.
    """

    client: str
    mode: Mode
    concurrency: int
    repeats: int
    streams: int
    ok: int
    errors: int
    live_peak: int | None
    tokens: int
    tokens_per_s: float | None
    ttft_p50_ms: float | None
    ttft_p90_ms: float | None
    ttft_p95_ms: float | None
    ttft_p99_ms: float | None
    itl_p50_ms: float | None
    itl_p90_ms: float | None
    itl_p95_ms: float | None
    itl_p99_ms: float | None
    total_p50_ms: float | None
    total_p90_ms: float | None
    total_p95_ms: float | None
    total_p99_ms: float | None
    lag_p50_ms: float | None
    lag_p99_ms: float | None
    rss_base_mib: float | None
    rss_peak_mib: float | None
    rss_per_stream_kib: float | None
    threads_peak: int | None
    cpu_s: float | None
    cpu_us_per_token: float | None
    voluntary_switches_per_token: float | None
    involuntary_switches_per_token: float | None
    validity: Validity
    reasons: tuple[str, ...]
    # beyond the contract
    ttft_n: int
    itl_n: int
    lag_n: int
    soft: tuple[str, ...]  # columns whose n barely holds them
    outcomes: Mapping[str, int]  # outcome -> streams
    live_mean: float | None  # streams open, averaged over the window
    events_per_read: float | None  # coalescing: text events over the reads that carried any
    headers_p50_ms: float | None
    headers_p99_ms: float | None
    tpot_p50_ms: float | None
    tpot_p99_ms: float | None
    ttft_corrected_p50_ms: float | None
    ttft_corrected_p99_ms: float | None
    total_corrected_p50_ms: float | None
    total_corrected_p99_ms: float | None
    request_delay_p50_ms: float | None  # from the call of the library until the server had the request
    request_delay_p99_ms: float | None
    relative_lag_p50_ms: float | None  # lag above the least lag of its own stream: needs no common clock
    relative_lag_p99_ms: float | None
    cpu_percent: float | None  # of one core
    cpu_share: float | None  # of the engine's cores, where it has cores of its own
    run_wait_percent: float | None  # time runnable but not running, summed over threads, over the window
    load_max_ms: float | None  # longest model load that the server told of
    startup_streams: int  # due in the warm-up, left out above
    startup_ttft_p50_ms: float | None
    startup_ttft_p99_ms: float | None
    ttft_p50_low_ms: float | None
    ttft_p50_high_ms: float | None
    ttft_p99_low_ms: float | None
    ttft_p99_high_ms: float | None
    itl_p99_low_ms: float | None
    itl_p99_high_ms: float | None
    total_p50_low_ms: float | None
    total_p50_high_ms: float | None
    lag_p99_low_ms: float | None
    lag_p99_high_ms: float | None
    blocks: tuple[Mapping[str, float | None], ...]  # figures of each repeat by itself, and ``repeat``, from 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One figure that a finding rests on, with its 95 % interval; no bounds where the run has no blocks to
    tell its noise by.

    ``line`` is what decides, ``holds`` on which side the whole interval lies: the one that speaks for the
    statement, the other, or ``None`` when it spans the line. Both are ``None`` for figures that decide nothing.
    """

    name: str
    unit: str
    value: float | None
    low: float | None = None
    high: float | None = None
    line: float | None = None
    holds: bool | None = None
    above: bool = True  # which side of the line speaks for the statement
    client: str = ""  # whose figure it is; "" for one of several together
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A statement with its evidence.

    ``kind`` and its verdicts: ``claim`` (of the article: ``confirmed``, ``refuted``, ``open``), ``cost`` (what a
    further stream costs), ``noise`` (what two names of one client differ by), ``trend`` (figures that moved while
    they were taken), ``cause`` (why tokens came late), ``article`` (its table beside ours), ``validity`` (what
    must not be believed: a :class:`Validity`) and ``threshold`` (``held`` or ``failed``).
    """

    kind: Literal["claim", "cost", "noise", "trend", "cause", "article", "validity", "threshold"]
    id: str
    verdict: str
    statement: str
    evidence: tuple[str, ...]
    effects: tuple[Effect, ...] = ()

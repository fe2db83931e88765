"""What follows from a run: data, not prose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from loadgen.model.clients import ClientId
from loadgen.model.estimate import Estimate
from loadgen.model.level import Level
from loadgen.model.recording import Neighbour


class Validity(StrEnum):
    """Whether a measurement is reliable."""

    VALID = "valid"
    SUSPECT = "suspect"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What follows from a run, as data. Each kind is a class of its own; sentences are made of it in ``report/``.

    ``client`` and ``level`` are ``None`` for a finding about several of them.
    """

    kind: str
    verdict: str = ""
    client: ClientId | None = None
    level: Level | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseThreshold:
    """How much one metric of an A/A control differs from its client, as shares (0.1 is 10 %).

    Differences below ``threshold`` are noise. ``difference`` is the mean over rounds.
    """

    metric: str  # a column
    threshold: float
    difference: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFinding(Finding):
    """How much ``client``, measured twice in every round at ``level``, differs from itself."""

    kind: str = "noise"
    thresholds: tuple[NoiseThreshold, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftFinding(Finding):
    """A metric changed while it was measured: within one cell, or from the first round to the last.

    ``change`` is a share. Within a cell, ``repeat`` is set (from 0), and ``before`` and ``after`` are the metric in the
    first and the second half of the streams, in its unit. Across rounds, ``change`` is that of all clients together
    and has a 99 % interval.
    """

    kind: str = "drift"
    metric: str  # a column
    change: Estimate
    repeat: int | None = None
    before: float | None = None
    after: float | None = None


class Trust(StrEnum):
    """What delivery lag a server's stamps give."""

    ABSOLUTE = "absolute"
    RELATIVE = "relative"  # above the smallest of the same stream
    NONE = "none"


ClockFault = Literal[
    "missing",  # no time, or none that can be read, in some of its events
    "backwards",  # stamps go back within a stream
    "still",  # events that arrived apart have the same stamp
    "jump",  # the clock was set within a stream
    "contradiction",  # a stream's stamps are before its request or after their arrival, by any offset
    "offset",  # of a stream: the others have another offset
    "unsteady",  # no offset with a steady drift fits all streams
    "coarse",  # whole seconds, for instance
    "loose",  # the offset is not known well enough
    "host",  # the server runs on another host
]
"""Why stamps give no delivery lag, or only the relative one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFinding(Finding):
    """Whether the server's stamps give delivery lag, over the included repeats. ``verdict`` is the lowest one.

    Its clock is ahead of ours by ``low_ms`` to ``high_ms``, negative where it is behind; ``ours`` where it can be the
    same clock. The lag is wrong by at most ``error_ms``. ``odd`` of the ``streams`` with stamps have no lag, for these
    ``faults``.
    """

    kind: str = "server_clock"
    verdict: Literal["absolute", "relative", "none"]
    fault: ClockFault | None
    unit_ms: float
    low_ms: float | None
    high_ms: float | None
    ours: bool
    error_ms: float | None
    streams: int
    odd: int
    faults: tuple[ClockFault, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourFinding(Finding):
    """Other programs used ``low`` to ``high`` of the clients' ``cores`` (shares), most of it ``neighbours``.

    ``own`` is what the clients used. ``verdict``: ``target`` where the server is among them. ``simulated``: that is our
    own; ``ollama``: it speaks Ollama's protocol.
    """

    kind: str = "neighbours"
    low: float
    high: float
    own: float | None
    cores: tuple[int, ...]
    machine_cores: int | None
    simulated: bool
    ollama: bool
    neighbours: tuple[Neighbour, ...]


class Cause(StrEnum):
    """What delayed a token, the most specific first."""

    SERVER = "server"  # the server sent it late
    CONNECT = "connect"  # the request waited for a connection
    UNRECEIVED = (
        "unreceived"  # the server did not have the request yet, and nothing shows that the client was why
    )
    STOPPED = "stopped"  # a signal or a debugger stopped the engine
    THROTTLED = "throttled"  # a CPU quota kept the engine from running
    GC = "gc"  # a garbage collection of the engine
    CPU = "cpu"  # the engine was ready to run and waited for CPU
    BUSY = "busy"  # the event loop, or another thread with the GIL, was busy
    COALESCED = "coalesced"  # the client handed it over with later ones, in one read
    OPENING = "opening"  # its connection was opened
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """The late tokens of one cause: their share of the late tokens, and of the sum of all delays (0..1)."""

    cause: Cause
    share: float
    delay_share: float
    median_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayFinding(Finding):
    """Where delivery lag came from: ``late`` of ``tokens`` were delayed by more than ``budget_ms``.

    ``verdict`` is the most frequent cause, the first of ``delays``.
    """

    kind: str = "delivery_lag"
    late: int
    tokens: int
    budget_ms: float
    delays: tuple[Delay, ...]


class Part(StrEnum):
    """A part of the time of a stream, in the order in which they pass; those before ``DECODE`` are the TTFT."""

    DNS = "dns"  # the name of the server is looked up, for a connection of the stream's own
    CONNECT = "connect"  # TCP connects it; with the lookup where the library does not tell them apart
    TLS = "tls"  # its handshake
    SEND = "send"  # until the client had sent the request, as far as that is known
    UNRECEIVED = "unreceived"  # until the server had it
    LOAD = "load"  # of the model
    QUEUE = "queue"  # the server reports nothing about it
    PROMPT = "prompt"  # it is evaluated
    FIRST_DECODE = "first_decode"  # the first token is decoded and sent
    UNSPLIT = "unsplit"  # what the server reports too little about
    RECEIVE = "receive"  # until the client had the first token
    DECODE = "decode"  # from the first to the last token
    REST = "rest"  # until the end


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeFinding(Finding):
    """Where the time of ``streams`` went: the ``mean`` ms of each part, and of those with the longest TTFT (``slowest``
    5 %, ``None`` of too few). Of ``contradicted`` streams, the server's durations exceed the TTFT; it is not divided.
    """

    kind: str = "time"
    streams: int
    contradicted: int
    mean: Mapping[Part, float]
    slowest: Mapping[Part, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedFinding(Finding):
    """What the server's own metrics had of a measurement, in means over ``readings`` in its window.

    ``in_flight`` were the streams of the client, ``running`` and ``waiting`` the requests of the server, ``cache`` the
    most of its cache that was in use (percent). ``verdict``: ``agrees``; ``others``, where the server had more requests
    than the client had streams in flight; ``elsewhere``, where it had fewer; empty where that is not known. GPUs were
    ``throttled`` in these shares of the readings, by reason.
    """

    kind: str = "watched"
    verdict: Literal["", "agrees", "others", "elsewhere"] = ""
    readings: int
    in_flight: float | None
    running: float | None
    waiting: float | None
    cache: float | None
    throttled: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerChange:
    """What the server said before and after the run; ``None``: nothing of that."""

    what: Literal[
        "silent", "restarted", "version", "model", "digest", "unloaded", "processor", "context", "slots"
    ]
    before: str | int | None = None
    after: str | int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerChangedFinding(Finding):
    """The server was not the same after the run as before."""

    kind: str = "server_changed"
    changes: tuple[ServerChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnwatchedFinding(Finding):
    """A source gave nothing in ``failed`` of ``readings``, first for the reason ``why``, or too much for its file."""

    kind: str = "unwatched"
    source: str
    url: str
    readings: int
    failed: int
    why: str
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptCacheFinding(Finding):
    """A cache of prompts answered for the model. ``verdict`` is what shows it: the ``share`` of the tokens that the
    server ``reported`` to have had, or the time for the ``prompt``, or the ``ttft``: the medians over ``prompts``
    of when they were sent first and again. ``unique``: no two streams began alike.
    """

    kind: str = "prompt_cache"
    verdict: Literal["reported", "prompt", "ttft"]
    unique: bool
    share: float | None = None
    prompts: int = 0
    first_ms: float | None = None
    later_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut(Finding):
    """A file that could not be read: the ``file`` of the run folder, and the ``reason``, which names the field."""

    kind: str = "left_out"
    file: str
    reason: str

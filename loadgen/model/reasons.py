"""Reasons why a measurement is not valid: a typed record for each kind. English is made in ``report/``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from loadgen.model.cell import EngineNumber
from loadgen.model.clients import ClientId
from loadgen.model.confidence import ConfidenceCause
from loadgen.model.findings import Finding, Validity
from loadgen.model.level import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason against a measurement; each kind is a class of its own.

    ``repeat`` counts from 0; ``None`` for a reason about all repeats together, or about the only one.
    ``workers`` and ``engines`` are those that it is about; empty where it is about all of them, or there were none.
    """

    kind: str
    validity: Validity
    repeat: int | None = None
    workers: tuple[str, ...] = ()
    engines: tuple[EngineNumber, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLost(Reason):
    """A worker was lost after ``streams`` of its streams had ended; ``ended`` says why."""

    kind: Literal["worker_lost"] = "worker_lost"
    streams: int
    ended: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedEarly(Reason):
    """The cell did not run to its end; ``ended`` says why."""

    kind: Literal["ended_early"] = "ended_early"
    ended: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TooManyErrors(Reason):
    """The scenario's stop rule ended the cell ``at_s`` after its start: ``failed`` of the first ``streams`` failed."""

    kind: Literal["too_many_errors"] = "too_many_errors"
    at_s: float
    failed: int
    streams: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overloaded(Reason):
    """More streams arrived than were served, from ``since_s`` after the start of the cell, which ended at ``at_s``."""

    kind: Literal["overloaded"] = "overloaded"
    since_s: float
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingAfterWarmup(Reason):
    """No stream was due after the warm-up of ``warmup_s`` seconds."""

    kind: Literal["nothing_after_warmup"] = "nothing_after_warmup"
    warmup_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NoneCompleted(Reason):
    """None of the ``streams`` completed; ``outcomes`` has the number for each outcome."""

    kind: Literal["none_completed"] = "none_completed"
    streams: int
    outcomes: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoOutput(Reason):
    """Of the ``streams`` that completed, ``silent`` carried no output: no text, no tool call, no refusal."""

    kind: Literal["no_output"] = "no_output"
    silent: int
    streams: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensNotUsed(Reason):
    """The server's counts of tokens cannot be for ``streams`` streams, such as ``tokens`` of one with ``events``."""

    kind: Literal["tokens_not_used"] = "tokens_not_used"
    streams: int
    tokens: int
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetGone(Reason):
    """The target died: the last ``streams`` found no server, and none completed after the first of them."""

    kind: Literal["target_gone"] = "target_gone"
    streams: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamsFailed(Reason):
    """Of the ``streams``, ``failed`` did; ``outcomes`` has the number for each outcome that is not ok."""

    kind: Literal["streams_failed"] = "streams_failed"
    failed: int
    streams: int
    outcomes: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcurrencyNotReached(Reason):
    """At most ``peak`` of the ``target`` streams were in flight at once, as the client or the server ``seen_by`` saw.

    ``worker_lost``: what was in flight at a worker that was lost left no record.
    """

    kind: Literal["concurrency_not_reached"] = "concurrency_not_reached"
    peak: int
    target: int
    seen_by: Literal["client", "server"] = "client"
    worker_lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RateNotOffered(Reason):
    """Of an open load, ``offered_per_s`` arrivals got a stream, and not the ``asked_per_s``.

    ``not_started`` of the others were held back until the load ended.
    """

    kind: Literal["rate_not_offered"] = "rate_not_offered"
    asked_per_s: float
    offered_per_s: float
    not_started: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedLate(Reason):
    """Streams were started later than scheduled, and not held back: ``percentile`` of the start delay."""

    kind: Literal["started_late"] = "started_late"
    percentile: int
    late_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStepped(Reason):
    """The wall clock moved by ``step_ms`` against the monotonic clock, so there is no delivery lag."""

    kind: Literal["clock_stepped"] = "clock_stepped"
    step_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorLate(Reason):
    """The simulator sent later than scheduled."""

    kind: Literal["simulator_late"] = "simulator_late"
    late_p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineDisturbed(Reason):
    """Machine or simulator made the median latency uncertain by ± ``plus_minus`` (a share), the worst cause first.

    ``plus_minus`` is ``None`` without an interval.
    """

    kind: Literal["machine_disturbed"] = "machine_disturbed"
    plus_minus: float | None
    causes: tuple[ConfidenceCause, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenQueue(Reason):
    """The kernel's listen queue overflowed, or dropped connections, ``number`` times."""

    kind: Literal["listen_queue"] = "listen_queue"
    event: Literal["overflows", "drops"]
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FewStreams(Reason):
    """Only ``streams`` completed, fewer than the ``needed``."""

    kind: Literal["few_streams"] = "few_streams"
    streams: int
    needed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GilOn(Reason):
    """Python is free-threaded, and ran with the GIL, which the module ``by`` turned on."""

    kind: Literal["gil_on"] = "gil_on"
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TextHeldBack(Reason):
    """Most text of the ``streams`` came in one read with other text, ``whole`` answers in a single one."""

    kind: Literal["text_held_back"] = "text_held_back"
    streams: int
    whole: int
    events_per_read: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SeveralTokens(Reason):
    """An event carries several tokens, so that gaps between tokens are those between events."""

    kind: Literal["several_tokens"] = "several_tokens"
    tokens_per_event: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatExcluded(Reason):
    """``repeat`` is invalid for these ``reasons`` and others are not; only its failures count."""

    kind: Literal["repeat_excluded"] = "repeat_excluded"
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidityFinding(Finding):
    """A measurement that is not valid, with the reasons, the most serious first."""

    kind: Literal["validity"] = "validity"
    verdict: Literal["suspect", "invalid"]
    client: ClientId
    level: Level
    reasons: tuple[Reason, ...]

"""Whose limit a measurement reached: a result, not a defect."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from loadgen.model.clients import ClientId
from loadgen.model.confidence import Halt
from loadgen.model.findings import Finding
from loadgen.model.level import Level

DelayMetric = Literal["lag", "to_wire", "others_wait", "steal_wait", "simulator_late"]


class Limit(StrEnum):
    """What kept a client at a level from being faster."""

    CLIENT = "client"
    SERVER = "server"
    SIMULATOR = "simulator"
    MACHINE = "machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitEvidence:
    """Figures that show a limit; each kind is a class of its own."""

    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyCore(LimitEvidence):
    """The client used ``busiest_second_percent`` of a core in its busiest second with streams open."""

    kind: str = "busy_core"
    busiest_second_percent: float
    cpu_percent: float | None = None  # on average


@dataclass(frozen=True, slots=True, kw_only=True)
class LateStarts(LimitEvidence):
    """The client started streams ``late_ms`` later than they were due, at this percentile."""

    kind: str = "late_starts"
    percentile: int
    late_ms: float
    cpu_percent: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LongDelay(LimitEvidence):
    """``metric`` is a large share of the TTFT at the same percentile.

    ``metric``: the client's delivery lag or time to wire, what the machine made it wait, or the simulator's lateness.
    """

    kind: str = "long_delay"
    metric: DelayMetric
    percentile: int
    delay_ms: float
    ttft_ms: float | None = None
    cpu_percent: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltedEngine(LimitEvidence):
    """The engine was stopped or throttled for ``percent`` of the time with streams open."""

    kind: str = "halted"
    how: Halt
    percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Starved(LimitEvidence):
    """The client ran or waited to run for ``wanted_percent`` of the time, and got ``cpu_percent`` of a core."""

    kind: str = "starved"
    wanted_percent: float
    cpu_percent: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Queueing(LimitEvidence):
    """More streams than at the level ``below`` brought hardly more tokens per second; they waited.

    ``ttft_ms`` and ``below_ttft_ms`` are the server's own median TTFT: without the client's share.
    """

    kind: str = "queueing"
    below: Level
    tokens_per_s: float
    below_tokens_per_s: float
    ttft_ms: float
    below_ttft_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowingBacklog(LimitEvidence):
    """Of an open load fewer streams completed than arrived, and those that were due and had not ended became more."""

    kind: str = "growing_backlog"
    offered_per_s: float
    completed_per_s: float
    growth_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitFinding(Finding):
    """What limited ``client`` at ``level``, with the figures that show it."""

    kind: Literal["limit"] = "limit"
    verdict: Limit
    client: ClientId
    level: Level
    evidence: tuple[LimitEvidence, ...]

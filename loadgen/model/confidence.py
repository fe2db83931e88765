"""How far a group of figures can be believed: its ±, its grade, and what makes it wide."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from loadgen.model.recording import Neighbour

Halt = Literal["stopped", "throttled"]
HALTS: tuple[Halt, ...] = ("stopped", "throttled")


class Group(StrEnum):
    """Figures that the same things disturb."""

    MEDIAN = "median"  # median latency
    TAIL = "tail"  # tail latency
    CPU = "cpu"  # CPU and context switches
    MEMORY = "memory"  # memory and threads


class Grade(StrEnum):
    """How narrow the ± of a group is."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceCause:
    """One thing that makes figures uncertain. ``effect`` is a share of the figure (0.1 is 10 %).

    ``effect`` is ``None`` where it is unknown: a lack of rounds or of values.
    """

    kind: str
    effect: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherPrograms(ConfidenceCause):
    """Other programs used ``low`` to ``high`` of the client's cores (shares), over the rounds.

    ``wait_ms`` is how long they delayed the client each time it woke up, on average; ``None``: not measured.
    ``neighbours`` are those that used the most, as far as they are known.
    """

    kind: str = "other_programs"
    low: float
    high: float
    wait_ms: float | None = None
    neighbours: tuple[Neighbour, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypervisor(ConfidenceCause):
    """The hypervisor took ``low`` to ``high`` of the client's cores (shares), over the rounds."""

    kind: str = "hypervisor"
    low: float
    high: float
    wait_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LateSimulator(ConfidenceCause):
    """The simulator sent ``low_ms`` to ``high_ms`` later than scheduled at this percentile, over the rounds."""

    kind: str = "late_simulator"
    percentile: int
    low_ms: float
    high_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Halted(ConfidenceCause):
    """The engine did not run for ``low`` to ``high`` of the time with streams open (shares), over the rounds.

    ``how``: a signal or a debugger stopped it, or a CPU quota of its control group throttled it.
    """

    kind: str = "halted"
    how: Halt
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsDiffer(ConfidenceCause):
    """The rounds differ in ``metric`` (a column) for an unknown cause."""

    kind: str = "rounds_differ"
    metric: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlDiffers(ConfidenceCause):
    """The A/A control differs from its client in ``metric`` (a column) for an unknown cause."""

    kind: str = "control_differs"
    metric: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FewRounds(ConfidenceCause):
    """``rounds`` have the figures, fewer than the ``needed`` for an interval."""

    kind: str = "few_rounds"
    rounds: int
    needed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FewValues(ConfidenceCause):
    """``metric`` (a column) rests on ``n`` values, fewer than the ``needed``."""

    kind: str = "few_values"
    metric: str
    n: int
    needed: int


MACHINE = (OtherPrograms, Hypervisor, LateSimulator, Halted)
"""Causes that are the doing of the machine or the simulator, not of the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """How far the figures of a group can be believed; the rule is in :mod:`loadgen.analysis.confidence`.

    ``plus_minus`` is the ± of the group as a share of its figures (0.1 is 10 %); ``None`` without an interval.
    ``causes`` are why the grade is not high, the one with the largest effect first.
    """

    group: Group
    grade: Grade
    plus_minus: float | None
    causes: tuple[ConfidenceCause, ...] = ()

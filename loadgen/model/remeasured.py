"""What was measured again because the machine had disturbed it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from loadgen.model.clients import ClientId
from loadgen.model.confidence import ConfidenceCause
from loadgen.model.findings import Finding
from loadgen.model.level import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One measurement of a cell: how long it took, how much it was disturbed, and by what.

    ``disturbance`` is a multiple of what is tolerated: above 1, the cell counts as disturbed. ``included``: its figures
    count. ``ended`` is why it did not run to its end; empty if it did.
    """

    attempt: int
    seconds: float
    disturbance: float
    causes: tuple[ConfidenceCause, ...]
    included: bool
    ended: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemeasuredFinding(Finding):
    """``client`` at ``level`` was measured again in ``repeat`` (from 0), which took ``seconds`` more.

    ``verdict`` is of the attempt that counts, the one that was disturbed least.
    """

    kind: Literal["remeasured"] = "remeasured"
    verdict: Literal["undisturbed", "disturbed"]
    client: ClientId
    level: Level
    repeat: int
    attempts: tuple[Attempt, ...]
    seconds: float

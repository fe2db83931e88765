"""What follows from a run: data, not prose."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from loadgen.model.clients import ClientId
from loadgen.model.level import Level


class Validity(StrEnum):
    """Whether a measurement may be believed."""

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
class Effect:
    """One figure that a finding rests on, with its 95 % interval; no bounds where the run has no rounds to
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
class TextFinding(Finding):
    """A statement in English: what every kind was before it got a class of its own. Goes with the last of them."""

    id: str
    statement: str
    evidence: tuple[str, ...]
    effects: tuple[Effect, ...] = ()

"""The seeded plan of a stream: what the n-th request meets depends on the seed and n, on nothing else."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from loadgen.model import Simulator
from loadgen.model.faults import FAULTS
from loadgen.simulator.corpus import TOKENS

PLAIN: Final = 0
SPLIT: Final = 1
MERGE: Final = 2

# Gaps are drawn ahead: a draw per token would cost as much as the rest of the token's Python.
_DRAWN: Final = 1 << 15
GAP_MASK: Final = _DRAWN - 1
_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What one stream will do.

    ``ttft_ns``: from its slot to its first token, without the prefill. ``at``: where its gaps and frames
    begin in the planner's tables. ``text``: where its text begins among the corpus's tokens. ``fault``: what
    goes wrong, if anything, after the share ``point`` (0..1) of its tokens.
    """

    ttft_ns: int
    at: int
    text: int
    fault: str | None
    point: float

    def tokens_before_fault(self, tokens: int) -> int:
        """How many of ``tokens`` are sent before the fault: at least one, and not all where there are two."""
        return min(tokens, 1 + int(self.point * (tokens - 1))) if tokens else 0


class Planner:
    """Makes the plans of one simulator. Raises ValueError, saying what is wrong, for a spec that cannot be.

    ``gaps`` (nanoseconds, before a token) and ``frames`` (PLAIN, SPLIT or MERGE) are tables; token ``i`` of a
    stream takes entry ``(plan.at + i) & GAP_MASK`` of each. ``framed`` tells whether any frame is not PLAIN.
    """

    def __init__(self, spec: Simulator) -> None:
        _check(spec)
        self._spec = spec
        self._random = Random()
        self._draw = sampler(spec.distribution, spec.jitter)
        tables = Random(f"{spec.seed}:tables")
        gap = spec.gap * _NS
        self.gaps = array("q", (round(gap * self._draw(tables)) for _ in range(_DRAWN)))
        self.framed = bool(spec.split or spec.merge)
        self.frames = (
            bytes(_frame(tables.random(), spec) for _ in range(_DRAWN)) if self.framed else bytes(_DRAWN)
        )

    def plan(self, n: int, text_seed: int | None = None) -> Plan:
        """The plan of request ``n``; a ``text_seed``, as the client may ask for, decides its text instead."""
        random = self._random
        if text_seed is not None:
            random.seed(f"text:{text_seed}")
            text = random.randrange(len(TOKENS))
        random.seed(f"{self._spec.seed}:{n}")
        ttft = round(self._spec.ttft * _NS * self._draw(random))
        at = random.randrange(_DRAWN)
        own_text = random.randrange(len(TOKENS))
        return Plan(
            ttft_ns=ttft,
            at=at,
            text=own_text if text_seed is None else text,
            fault=self._fault(random.random()),
            point=random.random(),
        )

    def duration_ns(self, plan: Plan, tokens: int) -> int:
        """From the first to the last of ``tokens`` tokens."""
        return sum(self.gaps[(plan.at + i) & GAP_MASK] for i in range(1, tokens))

    def _fault(self, chance: float) -> str | None:
        below = 0.0
        for name in FAULTS:
            below += self._spec.faults.get(name, 0.0)
            if chance < below:
                return name
        return None


def sampler(distribution: str, cv: float) -> Callable[[Random], float]:
    """Draws positive numbers of mean 1 and coefficient of variation ``cv``."""
    if distribution == "constant" or cv == 0:
        return lambda _: 1.0
    if distribution == "uniform":
        half = math.sqrt(3) * cv
        return lambda random: random.uniform(1 - half, 1 + half)
    if distribution == "lognormal":
        variance = math.log1p(cv * cv)
        return lambda random: random.lognormvariate(-variance / 2, math.sqrt(variance))
    if distribution == "gamma":
        return lambda random: random.gammavariate(1 / (cv * cv), cv * cv)
    raise ValueError(f"unknown distribution {distribution!r}: constant, uniform, lognormal or gamma")


def _frame(chance: float, spec: Simulator) -> int:
    return SPLIT if chance < spec.split else MERGE if chance < spec.split + spec.merge else PLAIN


def _check(spec: Simulator) -> None:
    for name in ("ttft", "gap", "tokens", "jitter", "prefill", "load", "max_queue", "split", "merge"):
        value = getattr(spec, name)
        if not (value >= 0 and math.isfinite(value)):
            raise ValueError(f"{name} must be a number from 0, not {value!r}")
    for name in ("tokens", "max_queue"):
        if not isinstance(getattr(spec, name), int):
            raise ValueError(f"{name} must be a whole number, not {getattr(spec, name)!r}")
    if spec.parallel is not None and spec.parallel < 1:
        raise ValueError(f"parallel must be at least 1, not {spec.parallel!r}")
    if spec.distribution == "uniform" and spec.jitter > 1 / math.sqrt(3):
        raise ValueError("uniform numbers from 0 cannot vary more than 0.577 (jitter)")
    if spec.split + spec.merge > 1:
        raise ValueError("split and merge together are more than 1")
    for name, fraction in spec.faults.items():
        if name not in FAULTS:
            raise ValueError(f"unknown fault {name!r}: one of {', '.join(FAULTS)}")
        if not 0 <= fraction <= 1:
            raise ValueError(f"fault {name} must be a fraction from 0 to 1, not {fraction!r}")
    if sum(spec.faults.values()) > 1 + 1e-9:
        raise ValueError("the faults together are more than 1")

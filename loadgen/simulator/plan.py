"""The seeded plan of a stream: the answer to the n-th request depends only on the seed and n."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Final

from loadgen.model import Level, Simulator
from loadgen.model.scenario import FAULTS
from loadgen.simulator.corpus import TOKENS
from loadgen.simulator.replay import Streams

PLAIN, SPLIT, MERGE = range(3)

# Gaps are drawn ahead: a draw per token would cost as much as the rest of the token's Python.
_DRAWN: Final = 1 << 15
GAP_MASK: Final = _DRAWN - 1
_NS: Final = 1_000_000_000
RESIDENT_NS: Final = (50_000_000, 80_000_000)  # measured with a real Ollama


@dataclass(frozen=True, slots=True)
class Plan:
    """What one stream will do.

    ``ttft_ns``: from its slot to its first token, without the prefill. ``at``: where its gaps and frames
    begin in the planner's tables. ``text``: where its text begins among the corpus's tokens. ``fault``: what
    goes wrong, if anything, after the share ``point`` (0..1) of its tokens. ``resident_ns``: what Ollama
    reports as load of a model that is in memory, since that includes its scheduling. One that ``replays`` has gaps of
    its own, the last of which is before its end.
    """

    ttft_ns: int
    at: int
    text: int
    fault: str | None
    point: float
    resident_ns: int
    tokens: int
    gaps: array[int]
    replays: bool = False

    def tokens_before_fault(self, tokens: int) -> int:
        """Return how many of ``tokens`` precede the fault: at least one, and not all where there are two."""
        return min(tokens, 1 + int(self.point * (tokens - 1))) if tokens else 0


class Planner:
    """Makes the plans of one simulator. The bounds of its ``spec`` are those of a scenario, checked there.

    ``gaps`` (nanoseconds, before a token) and ``frames`` (PLAIN, SPLIT or MERGE) are tables; token ``i`` of a
    stream takes entry ``(plan.at + i) & GAP_MASK`` of each. ``framed``: some frames are not PLAIN.
    """

    def __init__(self, spec: Simulator) -> None:
        self._spec = spec
        self._random = Random()
        self._draw = _sampler(spec.distribution, spec.jitter)
        tables = Random(f"{spec.seed}:tables")
        gap = spec.gap * _NS
        self.gaps = array("q", (round(gap * self._draw(tables)) for _ in range(_DRAWN)))
        self.framed = bool(spec.split or spec.merge)
        shares = [spec.split, spec.merge, 1 - spec.split - spec.merge]
        self.frames = bytes(tables.choices((SPLIT, MERGE, PLAIN), shares, k=_DRAWN))
        self._faults = [*FAULTS, None]
        fractions = [spec.faults.get(name, 0.0) for name in FAULTS]
        self._fault_bounds = [*accumulate(fractions), 1.0]
        self._replayed = Streams(spec.replay, spec.seed) if spec.replay else None

    def use(self, level: Level | None) -> None:
        """Prepare for a measurement at that level: what is replayed depends on it."""
        if self._replayed:
            self._replayed.use(level)

    def plan(self, n: int, text_seed: int | None = None) -> Plan:
        """Return the plan of request ``n``; its text is decided by ``text_seed`` where the client requests one."""
        random = self._random
        random.seed(f"{self._spec.seed}:{n}")
        ttft = round(self._spec.ttft * _NS * self._draw(random))
        at, text = random.randrange(_DRAWN), random.randrange(len(TOKENS))
        [fault], point = random.choices(self._faults, cum_weights=self._fault_bounds), random.random()
        resident = random.randint(*RESIDENT_NS)
        if text_seed is not None:
            random.seed(f"text:{text_seed}")
            text = random.randrange(len(TOKENS))
        if self._replayed:
            stream = self._replayed[n]
            times = stream.times
            return Plan(times[0], 0, text, stream.fault, 1.0, resident, stream.tokens, times, replays=True)
        return Plan(ttft, at, text, fault, point, resident, self._spec.tokens, self.gaps)

    def duration_ns(self, plan: Plan, tokens: int) -> int:
        """Return the time from the first to the last of ``tokens`` tokens."""
        return sum(plan.gaps[(plan.at + i) & GAP_MASK] for i in range(1, tokens))


def _sampler(distribution: str, cv: float) -> Callable[[Random], float]:
    """Return what draws positive numbers of mean 1 and coefficient of variation ``cv``, 1 if ``exponential``."""
    if cv == 0 and distribution != "exponential":
        distribution = "constant"
    half, variance = math.sqrt(3) * cv, math.log1p(cv * cv)
    draws: dict[str, Callable[[Random], float]] = {
        "constant": lambda _: 1.0,
        "uniform": lambda random: random.uniform(1 - half, 1 + half),
        "lognormal": lambda random: random.lognormvariate(-variance / 2, math.sqrt(variance)),
        "gamma": lambda random: random.gammavariate(1 / (cv * cv), cv * cv),
        "exponential": lambda random: random.expovariate(1.0),
    }
    return draws[distribution]

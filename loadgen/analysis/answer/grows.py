"""Say whose cost grows how with each further stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from loadgen.analysis import effects, rounds
from loadgen.analysis.answer.evidence import ALIKE, Evidence
from loadgen.model import Estimate, Grows, Growth, Round, Summary


def grows(evidence: Evidence) -> Iterator[Grows]:
    """Yield the memory and threads that each further stream costs, of the client with the least and the most memory.

    They are slopes over the levels. Nothing where the intervals of the two overlap, or are missing.
    """
    found = [growth for sweep in evidence.sweeps.values() if (growth := _growth(sweep))]
    if len(found) < 2:
        return
    ordered = sorted(found, key=lambda growth: growth.memory_kib.value or 0.0)
    least, most = ordered[0], ordered[-1]
    high, low = least.memory_kib.high, most.memory_kib.low
    if high is not None and low is not None and low > (1 + ALIKE) * max(high, 0.0):
        yield Grows(least=least, most=most)


def _growth(sweep: Sequence[Summary]) -> Growth | None:
    streams = [s for s in sweep if s.level.streams is not None]
    slopes = [
        effects.mean(slope for _, slope in rounds.lines(streams, _streams, quantity))
        for quantity in (_memory_kib, "threads_peak")
    ]
    memory, threads = (Estimate(of.value, of.low, of.high, of.n) if of else None for of in slopes)
    return Growth(client=sweep[0].client, memory_kib=memory, threads=threads) if memory and threads else None


def _streams(summary: Summary, _: Round) -> float:
    return summary.level.value


def _memory_kib(_: Summary, one: Round) -> float | None:
    peak = one.values.get("rss_peak_mib")
    return None if peak is None else peak * 1024

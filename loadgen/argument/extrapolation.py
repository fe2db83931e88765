"""Estimate what many more streams than were measured would cost each client.

Memory and threads follow the straight line of each round through the levels, or of a single level the line from the
process before its first stream. CPU grows with the streams, at the pace of the highest level at which nothing but the
server limited them. The rounds give the intervals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from loadgen.analysis import effects, rounds
from loadgen.model import Estimate, ExtrapolationFinding, Level, Limit, Round, Run, Summary

STREAMS = (1_000, 10_000)
MAX_TIMES = 100  # as far as this beyond the highest level: what one stream costs says little of a thousand


def findings(_: Run, summaries: Sequence[Summary]) -> list[ExtrapolationFinding]:
    """Return a finding for each client with a closed loop, and each of ``STREAMS`` in reach of its highest level."""
    closed = [s for s in rounds.valid(summaries) if s.level.streams is not None]
    found = []
    for client, sweep in rounds.sweeps(closed).items():
        pace = next((s for s in reversed(sweep) if s.limited_by in (None, Limit.SERVER)), sweep[0])
        memory, threads = (
            _lines(sweep, "rss_peak_mib", _grown_mib),
            _lines(sweep, "threads_peak", "threads_added"),
        )
        shares = [cpu / 100 / pace.level.value for cpu in rounds.values(pace, "cpu_percent").values()]
        highest = sweep[-1].level.value
        for streams in (n for n in STREAMS if highest < n <= MAX_TIMES * highest):
            found.append(
                ExtrapolationFinding(
                    client=client,
                    level=Level(streams=streams),
                    measured=sweep[-1].level,
                    pace=pace.level,
                    memory_mib=_mean(fixed + slope * streams for fixed, slope in memory),
                    threads=_mean(fixed + slope * streams for fixed, slope in threads),
                    cores=_mean(share * streams for share in shares),
                )
            )
    return [one for one in found if one.memory_mib.value is not None or one.cores.value is not None]


def _lines(sweep: Sequence[Summary], total: str, grown: rounds.Quantity) -> list[tuple[float, float]]:
    """Return, per round, the fixed part and what each stream adds."""
    if len(sweep) > 1:
        return rounds.lines(sweep, _streams, total)
    (only,) = sweep
    totals, growths = rounds.values(only, total), rounds.values(only, grown)
    return [
        (totals[n] - growths[n], growths[n] / only.level.value) for n in totals.keys() & growths.keys()
    ]  # fmt: skip


def _streams(summary: Summary, _: Round) -> float:
    return summary.level.value


def _grown_mib(_: Summary, one: Round) -> float | None:
    top, base = one.values.get("rss_peak_mib"), one.values.get("rss_base_mib")
    return None if top is None or base is None else top - base


def _mean(values: Iterable[float]) -> Estimate:
    found = effects.never_negative(values)
    return Estimate(found.value, found.low, found.high, found.n) if found else Estimate()

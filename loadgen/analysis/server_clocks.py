"""What the stamps of the server are good for, per client and level."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from loadgen.analysis.repeats import included, repeats_of
from loadgen.model import ClockFault, ClockFinding, Run, Summary, Trust

_ORDER = tuple(Trust)


def findings(run: Run, summaries: Iterable[Summary]) -> list[ClockFinding]:
    """Return one for every client and level whose server should write times, but for the simulator."""
    repeats = repeats_of(run.recordings)
    found = []
    for s in (s for s in summaries if not s.client.control):
        own = [
            (m, m.server_clock)
            for repeat in included(repeats, s)
            for m in repeat.parts
            if m.included.any() and not m.ours and not m.clock_stepped
        ]
        clocks = [clock for m, clock in own if clock.streams or m.recording.workload.is_ollama]
        if not clocks:
            continue
        worst = max(clocks, key=lambda clock: _ORDER.index(clock.trust))
        faults: Counter[ClockFault] = sum((clock.faults for clock in clocks), Counter())
        lows, highs, errors = (
            [value / 1e6 for clock in clocks if (value := getattr(clock, name)) is not None]
            for name in ("low_ns", "high_ns", "error_ns")
        )
        found.append(
            ClockFinding(
                verdict=worst.trust.value,
                client=s.client,
                level=s.level,
                fault=worst.fault,
                unit_ms=worst.unit_ns / 1e6,
                low_ms=min(lows, default=None),
                high_ms=max(highs, default=None),
                ours=all(clock.offset_ns == (0, 0) for clock in clocks),
                error_ms=max(errors, default=None),
                streams=sum(clock.streams for clock in clocks),
                odd=sum(faults.values()),
                faults=tuple(fault for fault, n in faults.most_common() if n),
            )
        )
    return found

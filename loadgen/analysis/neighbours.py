"""Who took the clients' cores during the run, and what would help."""

from __future__ import annotations

import math
from collections.abc import Iterable

from loadgen.analysis.machine import HIGH, NAMED, merged
from loadgen.model import NeighbourFinding, Run, Summary


def findings(run: Run, summaries: Iterable[Summary]) -> list[NeighbourFinding]:
    """Return one where other programs used a tenth of the clients' cores or more, and some are known by name."""
    measured = [s for s in summaries if s.value("others_percent") is not None]
    if not measured:
        return []
    shares = [(s.value("others_percent") or 0.0) / 100 for s in measured]
    mean = merged([s.neighbours for s in measured])
    if not mean or max(shares) < HIGH:
        return []
    info = run.info
    own = [share for s in measured if (share := s.value("cpu_share")) is not None]
    return [
        NeighbourFinding(
            verdict="target" if any(each.role == "target" for each in mean) else "other",
            low=min(shares),
            high=max(shares),
            own=math.fsum(own) / len(own) if own else None,
            cores=tuple(sorted({core for cell in info.cells for core in cell.cores})),
            machine_cores=info.machine.cores,
            simulated=info.scenario.target.simulator is not None,
            ollama=info.scenario.workload.is_ollama,
            neighbours=mean[:NAMED],
        )
    ]

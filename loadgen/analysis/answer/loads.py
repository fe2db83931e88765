"""Say that streams waited for the server to load its model, which is part of their latency."""

from __future__ import annotations

from collections.abc import Iterator

from loadgen.analysis.answer.evidence import Evidence
from loadgen.model import Loads


def loads(evidence: Evidence) -> Iterator[Loads]:
    """Yield how many streams waited, of all clients and levels; nothing where none did."""
    parts = [m for repeat in evidence.repeats for m in repeat.parts]
    seconds = [float(ns) / 1e9 for m in parts for ns in m.reported.load_ns[m.waited_for_load]]
    if seconds:
        known = [one for m in parts if (one := m.recording.residency) and one.after is not None]
        yield Loads(
            waited=len(seconds),
            streams=sum(len(m.streams) for m in parts),
            shortest_s=min(seconds),
            longest_s=max(seconds),
            kept=any(one.after for one in known) if known else None,
        )

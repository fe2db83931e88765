"""Say that the server keeps bodies open after the end of the answer, which holds connections and slots."""

from __future__ import annotations

from collections.abc import Iterator

from loadgen.analysis.answer.evidence import Evidence
from loadgen.model import KeptOpen

SHARE = 0.5  # of the streams that completed, from which on it is the server's way


def kept_open(evidence: Evidence) -> Iterator[KeptOpen]:
    """Yield how many streams waited for the end of the body until the connection was closed; nothing for a few."""
    parts = [m for repeat in evidence.repeats for m in repeat.parts]
    bounds = [m.recording.workload.timeouts.drain for m in parts]
    kept = sum(
        int((m.streams.drain_ns[m.included] >= bound * 1e9).sum())
        for m, bound in zip(parts, bounds, strict=True)
    )
    streams = sum(int(m.included.sum()) for m in parts)
    if kept and kept >= SHARE * streams:
        yield KeptOpen(kept=kept, streams=streams, bound_s=max(bounds))

"""Whether the server was the same after the run as before: what it said of itself, and which process served."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, Final

from loadgen.model import Run, ServerChange, ServerChangedFinding, ServerInfo, Summary

STARTED: Final = "process_start_time_seconds"  # of its own metrics
FIELDS: Final = ("version", "model", "digest", "processor", "context", "slots")


def findings(run: Run, _: Iterable[Summary]) -> list[ServerChangedFinding]:
    """Return one where anything changed; nothing of a run that was not asked for it at its end."""
    changes = tuple(_changes(run))
    return [ServerChangedFinding(changes=changes)] if changes else []


def _changes(run: Run) -> Iterator[ServerChange]:
    before, after = run.info.server, run.info.server_after
    if run.info.server_restarted or _started_again(run):
        yield ServerChange(what="restarted")
    if before is None or after is None:
        return
    if after == ServerInfo():
        yield ServerChange(what="silent")
        return
    if before.size_bytes is not None and after.size_bytes is None:
        yield ServerChange(what="unloaded")
    for name in FIELDS:
        was, now = getattr(before, name), getattr(after, name)
        if was is not None and now is not None and was != now:
            what: Any = name
            yield ServerChange(what=what, before=was, after=now)


def _started_again(run: Run) -> bool:
    for part in run.watched:
        for place, series in enumerate(part.series):
            values = part.changes.value[part.changes.series == place] if series.name == STARTED else ()
            if len({float(value) for value in values if math.isfinite(value)}) > 1:
                return True
    return False

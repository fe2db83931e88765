"""``simulator.replay``: the timings of a recorded run, for the simulator."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Final

from loadgen.model import Level, Outcome, Replay, ReplayLevel, Run
from loadgen.model.replay import nearest
from loadgen.model.scenario import FAULTS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from loadgen.analysis.measures import Measured

MAX_EVENTS: Final = 500_000  # of a level; what comes later is left out
_STATUS: Final = {429: "status_429", 503: "status_503"}
# Those that the client did without the server, or that nobody knows, are left out.
_FAULTS: Final = {
    Outcome.HTTP_STATUS: "status_500", Outcome.SERVER_ERROR: "error_line", Outcome.TRUNCATED: "truncate",
    Outcome.RESET: "reset", Outcome.UNDECODABLE: "malformed", Outcome.FIRST_TOKEN_TIMEOUT: "stall",
    Outcome.IDLE_TIMEOUT: "stall", Outcome.TOTAL_TIMEOUT: "stall",
}  # fmt: skip


class ReplayError(Exception):
    """The run cannot be replayed: ``wrong`` says why, ``right`` what would be."""

    def __init__(self, wrong: str, right: str) -> None:
        super().__init__(wrong)
        self.wrong, self.right = wrong, right


def replay(folder: FilePath) -> Replay:
    """Return the timings of the run in ``folder``. Raises ReplayError."""
    from loadgen import store

    if not (folder / store.INFO).is_file():
        raise ReplayError(
            "there is no run folder", "a folder that loadgen run wrote, relative to the scenario's"
        )
    try:
        run = store.load(folder)
    except store.StoreError as error:
        raise ReplayError(str(error), "a run that loadgen report can read") from None
    return of_run(run)


def warnings(of: Replay | None, levels: Sequence[Level]) -> Iterator[tuple[str, str]]:
    """Yield where the times of another load are replayed, and what would be right."""
    recorded = [each.level for each in of.levels] if of else list(levels)
    for level in levels:
        if level not in recorded:
            found = nearest(level, recorded) or "all levels"
            known = ", ".join(map(str, recorded))
            yield f"has no times at {level}: those of {found} are replayed", f"one of its levels: {known}"


def of_run(run: Run) -> Replay:
    """Return what the server of a run did. Raises ReplayError where no stream of it has tokens."""
    from loadgen.analysis.measures import Measured, present
    from loadgen.analysis.repeats import Repeat
    from loadgen.analysis.server_side import server_side

    cells: dict[Level, list[tuple[str, Measured, Measured | None]]] = defaultdict(list)
    for recording in run.recordings:
        measured = Measured(recording)
        if measured.has_tokens and (measured.included & (measured.streams.text_events > 0)).any():
            side = server_side(Repeat((measured,)))
            cells[recording.level].append((recording.client.label, measured, side.parts[0] if side else None))
    if not cells:
        raise ReplayError(
            "has no complete stream with tokens",
            "a run of a protocol with tokens, in which streams completed",
        )
    stamped = all(side is not None for found in cells.values() for _, _, side in found)
    client, levels, longest = "", [], 0.0
    for level, found in sorted(cells.items()):
        parts = [side for _, _, side in found if side is not None]
        if not stamped:
            # Without the server's own times, the client that was least late is nearest to them.
            client = min(found, key=lambda each: float(_median(present(each[1].ttft[each[1].included]))))[0]
            parts = [measured for name, measured, _ in found if name == client]
        packed, mean_s = _packed(level, parts)
        levels.append(packed)
        longest = max(longest, mean_s)
    digest = zlib.crc32(b"".join(each.times for each in levels))
    return Replay(
        run=run.folder.name,
        digest=f"{digest:08x}",
        stamped=stamped,
        client=client,
        stream_s=longest,
        levels=tuple(levels),
    )


def _median(values: NDArray[Any]) -> float:
    return float(sorted(values.tolist())[len(values) // 2])


def _packed(level: Level, parts: Sequence[Measured]) -> tuple[ReplayLevel, float]:
    """Return the streams of a level, and how long one takes on average in seconds."""
    import numpy as np

    counts, faults, times = (list[Any](), list[Any](), list[Any]())
    for part in parts:
        used, count, fault, each = _streams(part)
        counts.append(count[used])
        faults.append(fault[used])
        times.append(each[np.repeat(used, count + 1)])
    count, fault, us = (np.concatenate(each) for each in (counts, faults, times))
    kept = max(1, int(np.searchsorted(np.cumsum(count + 1), MAX_EVENTS, side="right")))
    count, fault = count[:kept], fault[:kept]
    us = us[: int((count + 1).sum())]
    data = count.astype("<i4").tobytes() + fault.astype("u1").tobytes() + us.astype("<i4").tobytes()
    mean_s = float(us.sum()) / len(count) / 1e6
    return ReplayLevel(level=level, streams=len(count), times=zlib.compress(data)), mean_s


def _streams(m: Measured) -> tuple[NDArray[np.bool_], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return which streams are of use, and of all: the number of events, the fault, and the times in microseconds."""
    import numpy as np

    of, names = m.streams, [*FAULTS]
    rows = m.text_reads
    at = np.repeat(m.recording.arrivals.at[rows], m.recording.arrivals.count[rows])
    count = of.text_events
    fault = np.zeros(len(of), dtype=np.int64)
    for row, outcome in enumerate(m.outcome.tolist()):
        if name := _FAULTS.get(Outcome(outcome)):
            name = _STATUS.get(int(of.status[row]), name) if outcome == Outcome.HTTP_STATUS else name
            fault[row] = names.index(name) + 1
    used = m.after_warmup & (of.end >= 0) & ((m.ok & (count > 0)) | (fault > 0))
    # Of each stream: its start, its events, its end; the times are what lies between.
    marks = np.concatenate([of.start, at, of.end])
    streams = np.arange(len(of))
    owner = np.concatenate([streams, np.repeat(streams, count), streams])
    order = np.argsort(owner, kind="stable")
    marks, owner = marks[order], owner[order]
    between = np.diff(marks)[owner[1:] == owner[:-1]]
    return used, count, fault, np.clip(np.rint(between / 1000), 0, 2**31 - 1).astype(np.int64)

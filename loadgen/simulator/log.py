"""Reads the simulator's record in the process that measures: its columns, and the log of one cell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from loadgen.model import ServerLog
from loadgen.simulator.record import COLUMNS

if TYPE_CHECKING:
    from numpy.typing import NDArray

LATE_NS: Final = 1_000_000  # the wheel's slot: what is sent within it is on time
MAX_LATE_ROWS: Final = 50_000


def unpack(data: bytes) -> tuple[dict[str, int], dict[str, NDArray[Any]]]:
    """Return the counts and the columns of a packed record. Times are nanoseconds since the epoch."""
    import numpy as np

    line, _, rest = data.partition(b"\n")
    head = json.loads(line)
    columns, begin = {}, 0
    for name, code in COLUMNS.items():
        end = begin + head["bytes"][name]
        columns[name] = np.frombuffer(rest[begin:end], dtype="<u4" if code == "I" else "<i8")
        begin = end
    return head["counts"], columns


def server_log(data: bytes) -> ServerLog:
    """Return the log of one cell from a packed record. Percentiles of lateness are nearest-rank."""
    import numpy as np

    counts, columns = unpack(data)
    due, sent = columns["due"], columns["sent"]
    lateness = sent - due
    ordered = np.sort(lateness)

    def percentile_ms(rank: int) -> float | None:
        if not len(ordered):
            return None
        return float(ordered[max(0, -(-rank * len(ordered) // 100) - 1)]) / 1e6

    late = np.flatnonzero(lateness > LATE_NS)
    if len(late) > MAX_LATE_ROWS:
        worst = late[np.argsort(lateness[late], kind="stable")[-MAX_LATE_ROWS:]]
        late = worst[np.argsort(sent[worst], kind="stable")]
    return ServerLog(
        streams=counts["streams"],
        open_peak=counts["open_peak"],
        sends=counts["sends"],
        late_p50_ms=percentile_ms(50),
        late_p99_ms=percentile_ms(99),
        late_max_ms=percentile_ms(100),
        late=np.stack([due[late], sent[late]], axis=1).astype("<i8").tobytes(),
    )

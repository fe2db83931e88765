"""End the streams that make the engine's memory explode, such as a small body that a library unpacks to gigabytes.

What a library holds for a stream cannot be seen. What explodes is held back, so the streams whose libraries have been
silent longest go first: one, then two, then four, until memory is within the limit again.
"""

from collections.abc import Sequence

from loadgen.engine.recorder import StreamRecorder
from loadgen.engine.system import memory_bytes
from loadgen.model import Outcome

LIMIT_BYTES = 512 << 20  # of growth since the start, and
PER_STREAM_BYTES = 1 << 20  # for each open stream; no client needs a quarter of that


class MemoryWatch:
    """The memory of this process since the load began."""

    def __init__(self) -> None:
        self._base = 0
        self._number = 1  # of streams that are ended next

    def start(self) -> None:
        """Take the memory as it is now for the base."""
        self._base = memory_bytes() or 0

    def check(self, streams: Sequence[StreamRecorder]) -> bool:
        """Mark the streams that must end as expired if memory has grown beyond the limit; return whether it has."""
        grown = (memory_bytes() or 0) - self._base
        if grown <= LIMIT_BYTES + PER_STREAM_BYTES * len(streams):
            self._number = 1
            return False
        silent = [each for each in streams if each.silent_since is not None and each.expired is None]
        for recorder in sorted(silent, key=lambda each: each.silent_since or 0)[: self._number]:
            recorder.expired = Outcome.FAILED
            recorder.expired_error = (
                f"MemoryError: the engine had grown by {grown >> 20} MiB, and this stream was silent longest"
            )
        self._number *= 2
        return True

"""The exit codes of the commands."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended. ``INCONCLUSIVE`` is returned by ``loadgen compare`` only."""

    DONE = 0
    FAILED = 1
    BAD = 2
    NOT_MEASURED = 3
    INCONCLUSIVE = 4
    INTERRUPTED = 130

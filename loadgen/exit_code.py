"""The exit codes of the commands."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended. ``INCONCLUSIVE`` is of ``loadgen compare``, which cannot tell."""

    DONE = 0
    FAILED = 1
    BAD = 2
    NOT_MEASURED = 3
    INCONCLUSIVE = 4
    INTERRUPTED = 130

"""How commands end: their exit codes, and the signals that end them."""

from __future__ import annotations

import signal
from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended. ``INCONCLUSIVE`` is returned by ``loadgen compare`` only."""

    DONE = 0
    FAILED = 1
    BAD = 2
    NOT_MEASURED = 3
    INCONCLUSIVE = 4
    INTERRUPTED = 130


def end_signals() -> list[signal.Signals]:
    """Return the signals that end a command: Windows has no SIGHUP, and nohup has it ignored."""
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    found = [signal.Signals[name] for name in names if hasattr(signal, name)]
    return [each for each in found if each.name != "SIGHUP" or signal.getsignal(each) != signal.SIG_IGN]

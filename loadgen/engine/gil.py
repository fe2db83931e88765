"""Whether a free-threaded Python ran without the GIL, which an import can turn on for the whole process."""

import re
import sys
import warnings
from typing import Any

from loadgen.model.recording import PYTHON_GIL

_by: list[str] = []  # modules


def watch() -> None:
    """Note which import turns the GIL on: Python says so in a warning."""
    show = warnings.showwarning

    def noting(message: Warning | str, *others: Any, **named: Any) -> None:
        if found := re.search(r"\(GIL\) has been enabled to load module '([^']+)'", str(message)):
            _by.append(found[1])
        show(message, *others, **named)

    if is_free_threaded():
        warnings.showwarning = noting


def is_free_threaded() -> bool:
    """Return whether this Python can run without the GIL."""
    return "t" in getattr(sys, "abiflags", "")


def on_by() -> str | None:
    """Return what turned the GIL on, empty where it is off; ``None`` for a Python that always has it."""
    if not is_free_threaded():
        return None
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return ""
    return ", ".join(_by) or PYTHON_GIL

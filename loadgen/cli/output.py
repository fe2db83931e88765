"""Standard output and error that may stop taking data, on a full disk or after a hang-up: what follows is dropped."""

from __future__ import annotations

import io
import os
import select
import sys
from typing import TextIO


class Output(io.RawIOBase):
    """The bytes of a standard stream. ``failure`` is why it takes no more."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.failure: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return os.isatty(self._fd)

    def write(self, data: bytes) -> int:  # type: ignore[override]
        while self.failure is None:
            try:
                return os.write(self._fd, data)
            except BlockingIOError:
                select.select([], [self._fd], [])
            except OSError as error:
                self.failure = error
        return len(data)


def tolerate() -> Output:
    """Replace standard output and error of this process; return the bytes of the output.

    Text that has no encoding, such as half of a surrogate pair, is escaped.
    """
    sys.stderr, _ = _replaced(sys.stderr, 2)
    sys.stdout, output = _replaced(sys.stdout, 1)
    return output


def _replaced(stream: TextIO | None, fd: int) -> tuple[TextIO, Output]:
    # It is None where the process was started without one; the number is then any file's.
    output = Output(fd if stream is not None else os.open(os.devnull, os.O_WRONLY))
    text = io.TextIOWrapper(
        io.BufferedWriter(output),  # type: ignore[type-var]
        encoding=getattr(stream, "encoding", "utf-8"),
        errors="backslashreplace",
        line_buffering=fd == 2 or output.isatty(),
    )
    return text, output


def lost(output: Output) -> str:
    """Write what is left; return why not all could be written, empty where nobody wants to know: a closed pipe."""
    sys.stdout.flush()
    sys.stderr.flush()
    failure = output.failure
    return "" if failure is None or isinstance(failure, BrokenPipeError) else str(failure.strerror)

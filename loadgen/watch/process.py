"""Start, hear and end the watching process."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec

from loadgen import files
from loadgen.model import Source
from loadgen.watch.sources import Wanted

FIRST_TIMEOUT_S: Final = 8.0  # for the first reading of every source, before anything is measured
STOP_TIMEOUT_S: Final = 3.0


class Watcher(contextlib.AbstractContextManager["Watcher"]):
    """The process that watches; leaving the context ends it. It ends by itself when its parent does."""

    def __init__(self, wanted: Wanted) -> None:
        self._heard = b""
        self._sources: tuple[Source, ...] | None = None
        self._stderr = files.scratch()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "loadgen.watch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            start_new_session=True,  # Ctrl-C in the terminal is for us
            bufsize=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._out = self._process.stdout
        os.set_blocking(self._out.fileno(), False)
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(msgspec.json.encode(wanted) + b"\n")

    def await_first(self) -> Sequence[Source]:
        """Return the sources when each was read, or has not answered in a time that is long for it."""
        until = time.monotonic() + FIRST_TIMEOUT_S
        while time.monotonic() < until and self._process.poll() is None:
            found = self.sources()
            if self._sources is not None and all(each.readings for each in found):
                break
            select.select([self._out], [], [], max(0.0, until - time.monotonic()))
        return self.sources()

    def sources(self) -> Sequence[Source]:
        """Return the sources as they were last heard of. Never waits."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._out.fileno(), 1 << 16):
                self._heard += data
        *lines, self._heard = self._heard.split(b"\n")
        if lines:
            self._sources = msgspec.json.decode(lines[-1], type=tuple[Source, ...])
        if self._process.poll() and self._sources is not None:
            return [
                replace(each, failed=each.failed or 1, why=each.why or self._death())
                for each in self._sources
            ]
        return self._sources or ()

    def _death(self) -> str:
        self._stderr.seek(0)
        last = self._stderr.read().decode(errors="replace").strip().rpartition("\n")[2]
        return f"the process that watches has died{last and f': {last}'}"

    def stop(self) -> Sequence[Source]:
        """Let it save what it has, end it, and return the sources."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_TIMEOUT_S)
        found = self.sources()
        self._process.kill()
        self._process.wait()
        return found

    def __exit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self.stop()
        self._out.close()
        self._stderr.close()

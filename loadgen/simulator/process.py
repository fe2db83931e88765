"""Start, ask and stop the simulator from the process that measures."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import urlsplit

from loadgen import model
from loadgen.simulator.log import server_log

_START_S = 15.0
_ANSWER_S = 60.0
_STOP_S = 5.0


class SimulatorError(RuntimeError):
    """The simulator could not start, or has died; the message says what it said last."""


class Process:
    """A running simulator. A context manager: leaving it stops the process.

    The process ends by itself when its parent dies, whatever kills that one. It has a session of its own, so
    that Ctrl-C in the terminal reaches the parent alone.
    """

    def __init__(self, process: subprocess.Popen[bytes], complaints: IO[bytes]) -> None:
        self._process = process
        self._complaints = complaints
        self.url = ""

    @classmethod
    def start(
        cls, spec: model.Simulator, *, host: str = "127.0.0.1", port: int = 0, cores: Sequence[int] = ()
    ) -> Process:
        """Start it on ``port`` (0: any free one), pinned to ``cores`` where given; return when it listens.

        Raises SimulatorError.
        """
        root = str(Path(model.__file__).resolve().parents[1])
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        complaints = tempfile.TemporaryFile()  # noqa: SIM115 - `stop` closes it
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "loadgen.simulator"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                env={**os.environ, "PYTHONPATH": path},
                start_new_session=True,
            )
        except OSError as error:
            complaints.close()
            raise SimulatorError(f"the simulator cannot start: {error}") from error
        self = cls(process, complaints)
        try:
            order = {"spec": asdict(spec), "host": host, "port": port, "cores": list(cores)}
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(json.dumps(order).encode() + b"\n")
                process.stdin.flush()
            said = self._first_line()
            if "url" not in said:
                raise SimulatorError(f"the simulator cannot start: {said.get('error') or self._last_words()}")
            self.url = said["url"]
        except BaseException:
            self.stop()
            raise
        return self

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def reset(self) -> None:
        """A new record; the next request meets the plan of the first again. Raises SimulatorError."""
        self._ask("DELETE", "/simulator/record")

    def record(self) -> model.ServerLog:
        """What it did since the last reset. Raises SimulatorError."""
        return server_log(self._ask("GET", "/simulator/record.bin"))

    def stop(self) -> None:
        """End the process; nothing happens when it is not running any more."""
        process = self._process
        for end in (process.stdin, process.stdout):
            if end is not None:
                with contextlib.suppress(BrokenPipeError):
                    end.close()
        for last_resort in (process.terminate, process.kill):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_S)
                break
            last_resort()
        process.wait()
        self._complaints.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _first_line(self) -> dict[str, str]:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(_START_S):
                raise SimulatorError(f"the simulator has not started within {_START_S:.0f} s")
        line = self._process.stdout.readline()
        said: dict[str, str] = json.loads(line) if line else {}
        return said

    def _ask(self, method: str, path: str) -> bytes:
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_ANSWER_S)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise SimulatorError(f"the simulator does not answer: {self._last_words() or error}") from error
        finally:
            connection.close()
        if response.status != 200:
            raise SimulatorError(
                f"the simulator answered {response.status}: {body[:200].decode(errors='replace')}"
            )
        return body

    def _last_words(self) -> str:
        """How it ended, and the last line it wrote; empty while it runs."""
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return ""
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").split("\n")
        said = next((line for line in reversed(lines) if line.strip()), "")
        return f"it ended with exit code {code}" + (f": {said}" if said else "")

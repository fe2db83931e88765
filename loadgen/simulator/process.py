"""Start, ask and stop the simulator from the process that measures."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import selectors
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from loadgen import files, model
from loadgen.simulator.log import server_log

_START_TIMEOUT_S: Final = 15.0
_ANSWER_TIMEOUT_S: Final = 60.0
_STOP_TIMEOUT_S: Final = 5.0


class SimulatorError(RuntimeError):
    """The simulator could not start, or has died; the message has the last line that it wrote."""


class Process(contextlib.AbstractContextManager["Process"]):
    """A running simulator. A context manager: leaving it stops the process.

    ``ca`` is the file of the certificate by which clients trust it, "" without TLS; it is gone with the process.
    The process ends by itself when its parent dies, whatever kills that one. It has a session of its own, so
    that Ctrl-C in the terminal reaches the parent alone.
    """

    def __init__(self, spec: model.Simulator, *, cores: Sequence[int] = ()) -> None:
        """Start it, pinned to ``cores`` where listed; return when it listens. Raises SimulatorError."""
        root = str(Path(model.__file__).resolve().parents[1])
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        self._stderr = files.scratch()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "loadgen.simulator", *map(str, cores)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env={**os.environ, "PYTHONPATH": path, "PYTHONINSPECT": ""},
                start_new_session=True,
            )
        except OSError as error:
            self._stderr.close()
            raise SimulatorError(f"the simulator cannot start: {error}") from error
        self.ca = ""
        assert self._process.stdin is not None
        try:
            with contextlib.suppress(OSError):  # it has ended already, and says why
                self._process.stdin.write(msgspec.json.encode(spec) + b"\n")
                self._process.stdin.flush()
            self.url, self.ca = self._await_start()
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def reset(self, level: model.Level | None = None) -> None:
        """Begin a new log; the next request meets the plan of the first again. Raises SimulatorError.

        What is replayed is of the recorded level nearest to ``level``.
        """
        self._request("DELETE", "/simulator/record", b"" if level is None else msgspec.json.encode(level))

    def log(self) -> model.ServerLog:
        """Return what it did since the last reset. Raises SimulatorError."""
        return server_log(self._request("GET", "/simulator/record.bin"))

    def stop(self) -> None:
        """End the process; nothing happens when it is not running any more."""
        for last_resort in (self._process.terminate, self._process.kill):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.communicate(timeout=_STOP_TIMEOUT_S)
                break
            last_resort()
        self._process.communicate()
        self._stderr.close()
        if self.ca:  # left there by one that was killed
            Path(self.ca).unlink(missing_ok=True)

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _await_start(self) -> tuple[str, str]:
        """Return its URL, and the file of the certificate to trust; "" without TLS."""
        stdout = self._process.stdout
        assert stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            if not selector.select(_START_TIMEOUT_S):
                raise SimulatorError(f"the simulator has not started within {_START_TIMEOUT_S:.0f} s")
        answer: dict[str, str] = json.loads(stdout.readline() or b"{}")
        if "url" not in answer:
            raise SimulatorError(f"the simulator cannot start: {answer.get('error') or self._exit_reason()}")
        return answer["url"], answer["ca"]

    def _request(self, method: str, path: str, body: bytes = b"") -> bytes:
        request = urllib.request.Request(self.url + path, body or None, method=method)
        try:
            with self._opener().open(request, timeout=_ANSWER_TIMEOUT_S) as response:
                return bytes(response.read())
        except (OSError, http.client.HTTPException) as error:
            raise SimulatorError(f"the simulator does not answer: {self._exit_reason() or error}") from error

    def _opener(self) -> urllib.request.OpenerDirector:
        """Return what asks no proxy, and trusts the simulator alone."""
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if self.ca:
            context = ssl.create_default_context(cafile=self.ca)
            handlers.append(urllib.request.HTTPSHandler(context=context))
        return urllib.request.build_opener(*handlers)

    def _exit_reason(self) -> str:
        """Return how it ended, with the last line that it wrote; empty while it runs."""
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return ""
        self._stderr.seek(0)
        written = self._stderr.read().decode(errors="replace").strip()
        last = written.rpartition("\n")[2]
        return f"it ended with exit code {code}" + (f": {last}" if last else "")

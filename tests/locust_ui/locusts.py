"""Locust in a process of its own, controlled over HTTP."""

from __future__ import annotations

import csv
import http.cookiejar
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.cli.command import COMMAND, SECONDS, until

LOCUST = (sys.executable, "-m", "locust")
FILES = Path(__file__).parents[2] / "locustfiles"
# A stream takes a tenth of a second.
QUICK = {"simulator": {"ttft": "20ms", "gap": "10ms", "tokens": 9}}


class Locust:
    """A web UI that answers at ``url``; ``log`` is all that its process says."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self.process, self.url = process, url
        self._log = log
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies).open

    @property
    def log(self) -> str:
        return self._log.read_text()

    def get(self, path: str) -> str:
        with self._open(self.url + path, timeout=SECONDS) as answer:
            return answer.read().decode()

    def post(self, path: str, **form: object) -> str:
        with self._open(self.url + path, urllib.parse.urlencode(form).encode(), timeout=SECONDS) as answer:
            return answer.read().decode()

    def start(self, users: int, **form: object) -> dict[str, Any]:
        return json.loads(self.post("/swarm", user_count=users, spawn_rate=100, **form))

    def stop(self) -> None:
        self.post("/stop")

    def data(self) -> dict[str, Any]:
        return json.loads(self.get("/streaming/data"))

    def client(self) -> dict[str, Any]:
        """Return the values of the only client; none before there are any."""
        clients = self.data()["clients"]
        return clients[0]["values"] if clients else Counter()

    def requests(self) -> dict[str, Any]:
        return json.loads(self.get("/stats/requests"))

    def interrupt(self) -> int:
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(SECONDS)


@contextmanager
def ui(folder: Path, *arguments: str | Path, env: Mapping[str, str] | None = None) -> Iterator[Locust]:
    """``loadgen ui`` on a free port."""
    with _started([*COMMAND, "ui", *map(str, arguments), "--web-port", "0"], folder, env) as process:
        assert process.stdout is not None
        url = process.stdout.readline().decode().strip().replace("0.0.0.0", "127.0.0.1")
        yield _answering(Locust(process, url, folder / "log"))


@contextmanager
def locust(folder: Path, *arguments: str | Path, host: str = "127.0.0.1") -> Iterator[Locust]:
    """Start the command `locust` with its web UI."""
    port = free_port()
    with _started([*LOCUST, *map(str, arguments), "--web-port", str(port)], folder, None) as process:
        yield _answering(Locust(process, f"http://{host}:{port}", folder / "log"))


def headless(
    folder: Path, *arguments: str | Path, env: Mapping[str, str] | None = None, streams: int = 0
) -> tuple[int, str]:
    """Run the command `locust` without a web UI to its end; return its exit code and its log.

    With ``streams`` it is interrupted once each client has so many, however long that takes.
    """
    log = folder / "log"
    with _started([*LOCUST, "--headless", *map(str, arguments)], folder, env) as process:
        if streams:
            soon(
                lambda: process.poll() is not None or _fewest(log.read_text()) >= streams,
                f"{streams} streams",
            )
            os.killpg(process.pid, signal.SIGINT)
        code = process.wait(2 * SECONDS)
    return code, log.read_text()


def _fewest(log: str) -> int:
    """Return how many streams the client with the fewest has in the last table of Locust's log that has any."""
    tables = [re.findall(r"^STREAM +\S+ +(\d+)", table, re.M) for table in log.split("Type     Name")]
    return min(map(int, next(filter(None, reversed(tables)), "0")))


@contextmanager
def _started(
    command: list[str], folder: Path, env: Mapping[str, str] | None
) -> Iterator[subprocess.Popen[bytes]]:
    """In a process group of its own, as a terminal would start it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LOADGEN_", "LOCUST_"))}
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            command,
            cwd=folder,
            env={**kept, "LOADGEN_TOKEN": "a token of all the tests", "NO_PROXY": "*", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if "ui" in command else log,
            stderr=log,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(SECONDS)
            finally:
                process.kill()


def _answering(found: Locust) -> Locust:
    def answers() -> bool:
        assert found.process.poll() is None, found.log
        try:
            return bool(found.get("/"))
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    until(answers, "Locust's web UI")
    return found


def soon(condition: Callable[[], object], what: str) -> None:
    """Wait until the condition holds, with pauses: the process that answers has other work on its core."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {SECONDS:.0f} s for {what}"
        time.sleep(0.2)


def listens(url: str) -> bool:
    at = urllib.parse.urlsplit(url)
    try:
        socket.create_connection((at.hostname or "", at.port or 0), timeout=5).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """A port below those that systems hand out, which nobody else takes before it is used."""
    while True:
        with (
            suppress(OSError),
            socket.create_server(("127.0.0.1", random.randrange(10_240, 32_768))) as server,
        ):
            number: int = server.getsockname()[1]
            return number


def runs(folder: Path) -> list[Path]:
    """The run folders that were made there, in order."""
    return sorted((folder / "reports").glob("*"))


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as text:
        return list(csv.DictReader(text))


def outcomes(run: Path) -> Counter[str]:
    """outcome -> streams of a run folder."""
    return Counter(row["outcome"] for row in rows(run / "streams.csv"))


@contextmanager
def worker(
    folder: Path, number: int, locustfile: Path, port: str, env: Mapping[str, str] | None = None
) -> Iterator[None]:
    """One of Locust's own workers."""
    home = folder / f"worker-{number}"
    home.mkdir()
    command = [
        *LOCUST,
        "-f",
        str(locustfile),
        "--worker",
        "--master-host",
        "127.0.0.1",
        "--master-port",
        port,
    ]
    with _started(command, home, env):
        yield

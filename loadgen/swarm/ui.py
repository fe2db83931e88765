"""``loadgen ui``: Locust itself, on our locustfile."""

from __future__ import annotations

import atexit
import socket
import sys
from typing import Final

import locust.main

from loadgen.swarm import locustfile
from loadgen.swarm.worker import Hands

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class Taken(Exception):
    """The port is not free; the message says by which flag to choose another."""


def serve(scenario: str, client: str, streams: int, workers: int | None, host: str, port: int) -> None:
    """Serve the web UI until it is ended; does not return. Raises Taken.

    ``client`` and ``streams`` are what the form proposes.
    """
    _free(host, port)
    command = ["locust", "-f", str(locustfile.__file__), "--web-host", host, "--web-port", str(port)]
    if workers:
        master = _some_port()
        command += ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", str(master)]
        atexit.register(Hands(workers, "127.0.0.1", master).close)
    if host not in LOOPBACK:
        command.append("--web-login")
    command += ["--users", str(streams), "--spawn-rate", str(max(1, streams // 10))]
    sys.argv = [*command, "--scenario", scenario, "--client", client]
    print(f"http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)  # noqa: T201
    locust.main.main()


def _free(host: str, port: int) -> None:
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return
    except OSError as error:
        raise Taken(
            f"{host}:{port}: cannot listen there: {error.strerror or error}; choose another with --web-port"
        ) from None


def _some_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number: int = server.getsockname()[1]
        return number

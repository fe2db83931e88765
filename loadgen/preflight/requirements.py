"""What a run needs of this machine: its clients installed, and limits that are high enough."""

from __future__ import annotations

import os
import select
from collections.abc import Sequence

from loadgen import clients, interpreters
from loadgen.interpreters import InterpreterError
from loadgen.model import ClientId
from loadgen.preflight import os_limits


class Refused(Exception):
    """Nothing was measured: this machine, or what is installed on it, cannot run the scenario."""


def require(wanted: Sequence[ClientId], streams: int, engines: int = 1, *, simulated: bool = True) -> None:
    """Raise Refused where a client is not installed, or a limit is too low for so many simultaneous streams.

    They are shared by so many ``engines``, and not by the server, which is this machine's where it is ``simulated``.
    """
    if not hasattr(os, "set_blocking") or not hasattr(select, "poll"):
        raise Refused(
            "measuring needs pipes that can be waited for, which this system lacks: on Windows, use WSL. "
            "loadgen report, compare and validate work here"
        )
    missing = [text for client in wanted if (text := _missing(client))]
    if missing:
        raise Refused("\n".join(dict.fromkeys(missing)))
    limits = os_limits.limits(streams, os_limits.needs(wanted), engines, simulated=simulated)
    short = [str(limit) for limit in limits if limit.fatal and not limit.ok]
    if short:
        raise Refused(f"{streams:,} simultaneous streams do not fit this machine:\n" + "\n".join(short))


def _missing(client: ClientId) -> str:
    """Return what the client lacks and the command that installs it; empty where it can run."""
    python = interpreters.of(client)
    if python is None:
        try:
            version = clients.version(client.name)
        except ImportError as error:  # an outsider's module imports it before it is needed
            return f"{client.name} needs {error.name}; install it: pip install {error.name}"
        if version is None:
            return f"{client.name} is not installed; install it: {clients.install(client.name)}"
        driver = clients.runtime_dependency(client)
        if driver and clients.installed(driver) is None:
            return f"{client.label} needs {driver}; install it: pip install {driver}"
        return ""
    try:
        interpreters.inspect(client)
    except InterpreterError as error:
        return f"{client.label}: {python} {error}"
    return ""

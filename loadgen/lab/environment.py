"""Describe the machine and the versions that measured, for ``run.json``."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence

from loadgen import clients, interpreters, proc
from loadgen.model import ClientId, MachineInfo


def machine() -> MachineInfo:
    """Return what this machine is."""
    return MachineInfo(
        system=platform.system(),
        release=platform.release(),
        machine=platform.machine(),
        processor=proc.first_match("/proc/cpuinfo", r"model name\s*:\s*(.+)"),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        memory_kib=int(proc.first_match("/proc/meminfo", r"MemTotal:\s*(\d+)") or 0) or None,
        python=f"{platform.python_implementation()} {platform.python_version()}",
    )


def versions(wanted: Sequence[ClientId]) -> Mapping[str, str | None]:
    """Return the version of Python, of each client, and of what its driver needs.

    For clients with an interpreter of their own, keys end with ``python=`` and its name, as in their labels.
    """
    found: dict[str, str | None] = {"python": platform.python_version()}
    for client in sorted(wanted, key=lambda client: (client.python is not None, client.name)):
        driver = clients.runtime_dependency(client)
        python = interpreters.of(client)
        if client.python is None and python is not None:
            there = interpreters.inspect(client)
            found[client.name] = f"{there.version}, in {python}"
            if driver:
                found[f"{driver} {client.name}"] = there.runtime_version
        elif client.python is None:
            found[client.name] = clients.version(client.name)
            if driver:
                found[driver] = clients.installed(driver)
        else:
            where, there = f"python={client.options['python']}", interpreters.inspect(client)
            found[where] = f"{interpreters.identify(client.python).full}, {client.python}"
            found[f"{client.name} {where}"] = f"{there.version}, GIL {'on' if there.gil else 'off'}"
            if driver:
                found[f"{driver} {where}"] = there.runtime_version
    return found

"""Network namespaces: a hub and four others that reach it, each over a wire of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

HUB = "10.99.1.1"  # of the hub, reached from every other namespace


class NotAllowed(Exception):
    """No namespace can be made here; the message says why."""


@contextmanager
def namespaces(count: int) -> Iterator[tuple[str, Sequence[str]]]:
    """The names of the hub and of so many others. They are gone afterwards, whatever happens. Raises NotAllowed."""
    if shutil.which("ip") is None:
        raise NotAllowed("there is no ip command")
    if os.geteuid() != 0:
        raise NotAllowed("only root makes network namespaces")
    hub, *others = names = [f"loadgen-{os.getpid()}-{number}" for number in range(count + 1)]
    made: list[str] = []
    try:
        for name in names:
            _ip("netns", "add", name)
            made.append(name)
            _ip("-n", name, "link", "set", "lo", "up")
        for number, name in enumerate(others, 1):
            wire = ("link", "add", f"wire{number}", "type", "veth", "peer", "name", "wire0", "netns", name)
            _ip("-n", hub, *wire)
            _ip("-n", hub, "address", "add", f"10.99.{number}.1/24", "dev", f"wire{number}")
            _ip("-n", name, "address", "add", f"10.99.{number}.2/24", "dev", "wire0")
            _ip("-n", hub, "link", "set", f"wire{number}", "up")
            _ip("-n", name, "link", "set", "wire0", "up")
            _ip("-n", name, "route", "add", "default", "via", f"10.99.{number}.1")
        yield hub, others
    finally:
        for name in made:
            _ip("netns", "delete", name)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotAllowed(f"ip {' '.join(arguments)}: {done.stderr.strip()}")

"""Which descriptors are ready: epoll where the system has it, otherwise what ``selectors`` offers (kqueue, poll)."""

from __future__ import annotations

import select
import selectors
from typing import Final, Protocol

READ: Final = selectors.EVENT_READ
WRITE: Final = selectors.EVENT_WRITE


class Poller(Protocol):
    """Watches descriptors. ``events`` are ``READ``, ``WRITE``, both, or 0: none."""

    def watch(self, fd: int, events: int) -> None:
        """Watch ``fd``, or change what it is watched for. Raises PermissionError for a plain file."""
        ...

    def unwatch(self, fd: int) -> None:
        """Forget ``fd``, before it is closed."""
        ...

    def wait(self, seconds: float | None, limit: int) -> list[tuple[int, int]]:
        """Return up to ``limit`` pairs of a ready descriptor and its events; ``None`` waits for ever.

        An error and a hang-up are readable.
        """
        ...

    def close(self) -> None:
        """Let go of the system's object."""
        ...


class EpollPoller:
    """On Linux. Waits in microseconds, where epoll itself rounds up to whole milliseconds."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._known: set[int] = set()

    def watch(self, fd: int, events: int) -> None:
        mask = (select.EPOLLIN if events & READ else 0) | (select.EPOLLOUT if events & WRITE else 0)
        if fd in self._known:
            self._epoll.modify(fd, mask)
        else:
            self._epoll.register(fd, mask)
            self._known.add(fd)

    def unwatch(self, fd: int) -> None:
        self._known.discard(fd)
        self._epoll.unregister(fd)

    def wait(self, seconds: float | None, limit: int) -> list[tuple[int, int]]:
        if seconds is None:
            found = self._epoll.poll(maxevents=limit)
        else:
            if seconds > 0:
                select.select([self._epoll], (), (), seconds)
            found = self._epoll.poll(0, limit)
        return [
            (fd, (READ if mask & ~select.EPOLLOUT else 0) | (WRITE if mask & select.EPOLLOUT else 0))
            for fd, mask in found
        ]

    def close(self) -> None:
        self._epoll.close()


class SelectorPoller:
    """Anywhere else."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._idle: set[int] = set()  # watched for nothing: a selector knows no such thing

    def watch(self, fd: int, events: int) -> None:
        known = fd in self._selector.get_map()
        self._idle.discard(fd)
        if not events:
            self._idle.add(fd)
            if known:
                self._selector.unregister(fd)
        elif known:
            self._selector.modify(fd, events)
        else:
            self._selector.register(fd, events)

    def unwatch(self, fd: int) -> None:
        if fd in self._idle:
            self._idle.discard(fd)
        else:
            self._selector.unregister(fd)

    def wait(self, seconds: float | None, limit: int) -> list[tuple[int, int]]:
        return [(key.fd, events) for key, events in self._selector.select(seconds)[:limit]]

    def close(self) -> None:
        self._selector.close()


def make_poller() -> Poller:
    """Return the best that the system has."""
    return EpollPoller() if hasattr(select, "epoll") else SelectorPoller()

"""The interface that carries messages between the coordinator and the workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

LOCAL: Final = "local"  # the node of this process, where it is the only worker

Handler = Callable[[str, Any], None]  # called with the sender and the data


class Transport(Protocol):
    """Carries messages. A node is the transport's name of a worker."""

    def on(self, kind: str, handler: Handler, *, concurrent: bool = False) -> None:
        """Call ``handler`` for every message of that kind; ``concurrent``: without waiting for its return."""
        ...

    def send(self, kind: str, data: Any, node: str = "") -> None:
        """Send to a worker, or, from a worker, to the coordinator."""
        ...

    def nodes(self) -> list[str]:
        """Return the workers that are connected, in the order in which they came."""
        ...

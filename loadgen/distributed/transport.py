"""Locust's messages as the transport between the coordinator and the workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from locust.rpc import Message
    from locust.runners import Runner

LOCAL: Final = "local"  # the node of this process, where it is the only worker

Handler = Callable[[str, Any], None]  # called with the sender and the data


class Transport:
    """Carries messages between Locust's master and its workers, or within its only process.

    A node is Locust's name of a worker.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def on(self, kind: str, handler: Handler, *, concurrent: bool = False) -> None:
        """Call ``handler`` for every message of that kind; ``concurrent``: without waiting for its return."""

        def handle(msg: Message, **_: object) -> None:
            handler(msg.node_id, msg.data)

        self._runner.register_message(kind, handle, concurrent=concurrent)

    def send(self, kind: str, data: Any, node: str = "") -> None:
        """Send to a worker, or, from a worker, to the coordinator."""
        self._runner.send_message(kind, data, node or None)

    def nodes(self) -> list[str]:
        """Return the workers that are connected, in the order in which they came."""
        from locust.runners import STATE_MISSING, MasterRunner  # importing it patches the process

        runner = self._runner
        if not isinstance(runner, MasterRunner):
            return [LOCAL]
        there = (node.id for node in runner.clients.all if node.state != STATE_MISSING)
        return sorted(there, key=runner.get_worker_index)

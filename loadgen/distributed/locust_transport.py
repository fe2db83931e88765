"""Locust as the transport."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locust.runners import STATE_MISSING, MasterRunner

from loadgen.distributed.transport import LOCAL, Handler

if TYPE_CHECKING:
    from locust.rpc import Message
    from locust.runners import Runner


class LocustTransport:
    """Locust's own messages between its master and its workers, or within its only process."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def on(self, kind: str, handler: Handler, *, concurrent: bool = False) -> None:
        def handle(msg: Message, **_: object) -> None:
            handler(msg.node_id, msg.data)

        self._runner.register_message(kind, handle, concurrent=concurrent)

    def send(self, kind: str, data: Any, node: str = "") -> None:
        self._runner.send_message(kind, data, node or None)

    def nodes(self) -> list[str]:
        runner = self._runner
        if not isinstance(runner, MasterRunner):
            return [LOCAL]
        there = (node.id for node in runner.clients.all if node.state != STATE_MISSING)
        return sorted(there, key=runner.get_worker_index)

"""Everything that a worker sends to a master passes here; what is not as it must be is dropped, its sender named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec
import zmq
from locust.exception import RPCError
from locust.rpc import Message, zmqrpc
from locust.runners import MasterRunner

from loadgen.distributed import messages
from loadgen.gate import BadData, values

MAX_NAME: Final = 200
MAX_TEXT: Final = 10_000

_handle: Final = MasterRunner.handle_message


class _Envelope(msgspec.Struct, array_like=True):
    kind: str
    data: Any
    node: Any


class _Heartbeat(msgspec.Struct):
    state: Literal["ready", "spawning", "running", "cleanup", "stopping", "stopped"]
    current_cpu_usage: float
    current_memory_usage: int = 0


class _Users(msgspec.Struct):
    user_classes_count: dict[str, int]
    user_count: int


class _Entry(msgspec.Struct):
    name: str
    method: str | None
    last_request_timestamp: float | None
    start_time: float
    num_requests: int
    num_none_requests: int
    num_failures: int
    total_response_time: float
    max_response_time: float
    min_response_time: float | None
    total_content_length: int
    response_times: dict[int | float, int]
    num_reqs_per_sec: dict[int, int]
    num_fail_per_sec: dict[int, int]


class _Error(msgspec.Struct):
    name: str
    method: str | None
    error: str
    occurrences: int
    first_seen: float | None = None
    last_seen: float | None = None


class _Stats(_Users):
    stats: list[_Entry]
    stats_total: _Entry
    errors: dict[str, _Error]


class _Failure(msgspec.Struct):
    msg: str
    traceback: str


class _Logs(msgspec.Struct):
    worker_id: str
    logs: list[str]


class _Version(msgspec.Struct):
    version: str


# What a worker may send, and the type of its data.
TYPES: Final[Mapping[str, Any]] = {
    "client_ready": str,
    "client_stopped": None,
    "heartbeat": _Heartbeat,
    "stats": _Stats,
    "spawning": None,
    "spawning_complete": _Users,
    "quit": None,
    "exception": _Failure,
    "logs": _Logs,
    "locustfile": _Version,
    messages.HELLO: str,
    messages.FAILED: str,
    messages.UPDATE: bytes,
}


def guard(note: Callable[[str], None]) -> None:
    """Let masters of Locust in this process receive what passes :func:`checked` only, and outlast what they make of it.

    ``note`` is called once for each sender.
    """
    named = set[str]()

    def drop(node: str, error: object) -> None:
        if node not in named:
            named.add(node)
            note(f"a message of {node} is dropped: {error}")

    def receive(server: zmqrpc.Server) -> tuple[str, Message]:
        while True:
            try:
                frames = server.socket.recv_multipart()
            except zmq.ZMQError as error:
                raise RPCError("ZMQ network broken") from error
            try:
                message = checked(frames)
            except BadData as error:
                drop(sender(frames), error)
            else:
                return message.node_id, message

    def handle(master: MasterRunner, node: str, message: Message) -> None:
        try:
            _handle(master, node, message)
        except Exception as error:  # of Locust, whose listener would end
            drop(node, f"{message.type}: {error!r}")

    zmqrpc.Server.recv_from_client = receive  # type: ignore[method-assign, assignment]
    MasterRunner.handle_message = handle  # type: ignore[method-assign, assignment]


def sender(frames: list[bytes]) -> str:
    """Return the name of the worker that sent the frames, as far as it can be shown."""
    name = frames[0].decode("utf-8", "replace")[:MAX_NAME] if frames else ""
    return "".join(c if c.isprintable() else "?" for c in name) or "a worker"


def checked(frames: list[bytes]) -> Message:
    """Return the message in the frames that a socket received. Its sender is whose socket it was. Raises BadData."""
    if len(frames) != 2 or sender(frames).encode() != frames[0]:
        raise BadData("", "it is none of Locust")
    envelope = values.from_message(frames[1], _Envelope)
    if envelope.kind not in TYPES:
        raise BadData("", "it has an unknown type")
    values.from_plain(envelope.data, TYPES[envelope.kind], envelope.kind)
    if isinstance(envelope.data, str) and len(envelope.data) > MAX_TEXT:
        raise BadData(envelope.kind, f"has more than {MAX_TEXT:,} characters")
    return Message(envelope.kind, envelope.data, frames[0].decode())

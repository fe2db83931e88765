"""A real master of Locust, and what hostile workers send to it: ``python -m tests.distributed.master``.

Prints a JSON object: for each case the notes, and what arrived of an honest worker.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import gevent
import locust
import msgspec
import zmq.green as zmq
from locust.env import Environment
from locust.event import Events
from locust.rpc import Message, zmqrpc

from loadgen.distributed import inbox, messages, token
from loadgen.distributed.transport import Transport
from tests.distributed.network import until


def packed(kind: Any, data: Any, node: Any = "evil_1") -> bytes:
    return Message(kind, data, node).serialize()


HEARTBEAT = {"state": "ready", "current_cpu_usage": 1, "current_memory_usage": 1}
HOSTILE: dict[str, list[bytes]] = {  # each a message of one frame
    "an empty frame": [b""],
    "no message": [b"\xff\xff"],
    "no list": [msgspec.msgpack.encode({"a": 1})],
    "four parts": [msgspec.msgpack.encode(["heartbeat", None, "x", "y"])],
    "no text as type": [packed(["heartbeat"], None)],
    "a date that is none": [msgspec.msgpack.encode(["stats", {"__datetime__": True, "as_str": "soon"}, "x"])],
    "an object of MongoDB": [msgspec.msgpack.encode(["stats", {"__ObjectId__": True, "as_str": "x"}, "x"])],
    "nested": [b"\x93\xa5stats" + b"\x91" * 300_000],
    "half a message": [packed("stats", {"stats": []})[:-3]],
    "a heartbeat without data": [packed("heartbeat", None)],
    "a heartbeat of a new state": [packed("heartbeat", {**HEARTBEAT, "state": "<script>"})],
    "a load that is text": [packed("heartbeat", {**HEARTBEAT, "current_cpu_usage": "high"})],
    "stats that are none": [packed("stats", {"stats": 1})],
    "stats of nobody": [packed("stats", None)],
    "spawned users that are none": [
        packed("spawning_complete", {"user_classes_count": 5, "user_count": "x"})
    ],
    "an exception without text": [packed("exception", {"msg": 1})],
    "logs that are none": [packed("logs", "x" * 99)],
    "a locustfile, which there is not": [
        packed("client_ready", locust.__version__),
        packed("locustfile", {"version": "2"}),
    ],
    "a version of megabytes": [packed(messages.HELLO, "x" * 10**6)],
    "an update that is text": [packed(messages.UPDATE, "x")],
    "an unknown type": [packed("delete everything", None)],
    "the end of another worker": [packed("quit", None, "good_1")],
}


class Master:
    """A master with its notes, and the updates that arrived."""

    def __init__(self) -> None:
        os.environ[token.TOKEN] = "a token of these tests"
        self.notes, self.found = list[str](), list[Any]()
        inbox.guard(self.notes.append)
        token.protect_sockets(self.notes.append)
        self.runner = Environment(events=Events()).create_master_runner("127.0.0.1", 0)
        Transport(self.runner).on(
            messages.UPDATE, lambda node, data: self.found.append([node, data.decode()])
        )

    def client(self, name: str) -> Any:
        return zmqrpc.Client("127.0.0.1", self.runner.server.port, name)

    def meets(self, good: Any, name: str, sent: list[list[bytes]]) -> dict[str, Any]:
        """Return what is noted, and arrives of an honest worker, when one of that name sends these frames."""
        self.notes.clear()
        self.found.clear()
        evil = self.client(name)
        for frames in sent:
            evil.socket.send_multipart(frames)
        evil.send(
            Message("end of the case", None, name)
        )  # an unknown type is noted, where nothing was before
        until(lambda: self.notes, "the note")
        for number in range(3):
            good.send(Message(messages.UPDATE, str(number).encode(), "good_1"))
        good.send(Message("heartbeat", HEARTBEAT, "good_1"))
        until(lambda: len(self.found) == 3, "what the honest worker sends")
        evil.close(0)
        return {"notes": [*self.notes], "found": [*self.found], "there": "good_1" in self.runner.clients}


def hostile() -> dict[str, Any]:
    """Return what a master makes of every case."""
    master = Master()
    good = master.client("good_1")
    good.send(Message("client_ready", locust.__version__, "good_1"))
    until(lambda: "good_1" in master.runner.clients, "the honest worker")
    cases = {name: [[each] for each in sent] for name, sent in HOSTILE.items()}
    cases["two frames"] = [[packed("heartbeat", HEARTBEAT), b"x"]]
    return {
        name: master.meets(good, f"evil-{place}_1", sent) for place, (name, sent) in enumerate(cases.items())
    }


def strangers() -> dict[str, Any]:
    """Return what is noted on both sides of workers with another token and with none, and what arrives."""
    master = Master()
    plain = zmq.Context.instance().socket(zmq.DEALER)
    plain.connect(f"tcp://127.0.0.1:{master.runner.server.port}")
    plain.send(packed(messages.UPDATE, b"plain"))
    until(lambda: master.notes, "the note")
    os.environ[token.TOKEN] = "another token of these tests"
    refused = list[str]()
    token.protect_sockets(refused.append)
    other = master.client("other_1")
    other.send(Message(messages.UPDATE, b"other", "other_1"))
    until(lambda: refused, "the refusal")
    os.environ[token.TOKEN] = "a token of these tests"
    good = master.client("good_1")
    good.send(Message(messages.UPDATE, b"good", "good_1"))
    until(lambda: master.found, "the message")
    gevent.sleep(0.05)
    return {"notes": master.notes, "refused": refused, "found": master.found}


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"met": hostile(), "strangers": strangers()}))
    sys.stdout.flush()
    os._exit(0)

"""A server that speaks Ollama's protocol, or OpenAI's, and shares no code with loadgen, to check loadgen's results.

    python benchmarks/paced.py --record FILE [--ttft 0.3] [--gap 0.1] [--tokens 40] [--jitter 0.5] [--core 0]

Prints its address and serves until stdin ends. Then it writes FILE: a JSON list with an object per stream,
``received`` (when the request was complete), ``sent`` (a ``perf_counter_ns`` just before each send) and ``stamps`` (the
``time_ns`` in each object). Waits are drawn from a gamma distribution; one timer heap schedules all of them.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import random
import resource
import select
import socket
import sys
import time
from pathlib import Path
from time import perf_counter_ns, time_ns

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nDate: Sun, 01 Jan 2034 00:00:00 GMT\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
NDJSON, SSE = b"application/x-ndjson", b"text/event-stream"


class Connection:
    """One socket and the stream on it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.received = b""
        self.asked = 0
        self.left = 0
        self.begun = False
        self.kind = NDJSON
        self.sent: list[int] = []
        self.stamps: list[int] = []


class Server:
    """Everything on one thread: an epoll, and a heap of what is due when."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.random = random.Random(arguments.seed)
        self.records: list[dict[str, object]] = []
        self.due: list[tuple[int, int, Connection]] = []
        self.number = 0
        self.known: dict[int, Connection] = {}
        self.second, self.second_text = 0, ""
        self.epoll = select.epoll()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=8192)
        self.listener.setblocking(False)
        self.epoll.register(self.listener, select.EPOLLIN)
        self.epoll.register(0, select.EPOLLIN)

    def serve(self) -> None:
        """Until stdin ends."""
        while True:
            wait = max(0.0, (self.due[0][0] - perf_counter_ns()) / 1e9) if self.due else -1
            for fd, _ in self.epoll.poll(wait):
                if fd == 0:
                    if not os.read(0, 4096):
                        return
                elif fd == self.listener.fileno():
                    self.accept()
                else:
                    self.read(self.known[fd])
            while self.due and self.due[0][0] <= perf_counter_ns():
                at, _, connection = heapq.heappop(self.due)
                self.token(at, connection)

    def accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except BlockingIOError:
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.known[sock.fileno()] = Connection(sock)
            self.epoll.register(sock, select.EPOLLIN)

    def read(self, connection: Connection) -> None:
        try:
            data = connection.sock.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.close(connection)
            return
        connection.received += data
        head, blank, body = connection.received.partition(b"\r\n\r\n")
        if not blank:
            return
        lines = head.lower().split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        if len(body) < length:
            return
        now = perf_counter_ns()
        connection.received, connection.asked = body[length:], now
        kinds = {b"/api/generate": NDJSON, b"/v1/chat/completions": SSE}
        method, path, *_ = lines[0].split()
        if method != b"post" or path not in kinds:
            connection.sock.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            return
        connection.left, connection.begun, connection.kind = self.arguments.tokens, False, kinds[path]
        connection.sent, connection.stamps = [], []
        self.records.append({"received": now, "sent": connection.sent, "stamps": connection.stamps})
        self.later(now, self.arguments.ttft, connection)

    def later(self, after: int, mean: float, connection: Connection) -> None:
        jitter = self.arguments.jitter
        wait = self.random.gammavariate(1 / jitter**2, mean * jitter**2) if jitter else mean
        self.number += 1
        heapq.heappush(self.due, (after + int(wait * 1e9), self.number, connection))

    def token(self, at: int, connection: Connection) -> None:
        if connection.sock.fileno() < 0:
            return
        connection.left -= 1
        last = connection.left < 0
        sent, stamp = perf_counter_ns(), time_ns()
        item = self.event(last) if connection.kind is SSE else self.line(connection, last, sent, stamp)
        data = f"{len(item):x}\r\n{item}\r\n".encode()
        if not connection.begun:
            data, connection.begun = HEAD % connection.kind + data, True
        if not last:
            connection.sent.append(sent)
            connection.stamps.append(stamp)
        try:
            whole = connection.sock.send(data) == len(data)
            if last:
                connection.sock.send(b"0\r\n\r\n")
        except OSError:
            whole = False
        if not whole:  # a reader that is megabytes behind
            self.close(connection)
        elif not last:
            # The next one is due after this one was due: a late send does not slow the pace.
            self.later(at, self.arguments.gap if connection.left else 0.001, connection)

    def line(self, connection: Connection, last: bool, sent: int, stamp: int) -> str:
        head = f'{{"model":"m","created_at":"{self.rfc3339(stamp)}",'
        if last:
            return head + f'"response":"","done":true,"total_duration":{sent - connection.asked}}}\n'
        return head + '"response":" word","done":false}\n'

    def event(self, last: bool) -> str:
        return "data: [DONE]\n\n" if last else 'data: {"choices":[{"delta":{"content":" word"}}]}\n\n'

    def rfc3339(self, stamp: int) -> str:
        second, rest = divmod(stamp, 1_000_000_000)
        if second != self.second:
            self.second = second
            self.second_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self.second_text}.{rest:09d}Z"

    def close(self, connection: Connection) -> None:
        self.epoll.unregister(connection.sock)
        del self.known[connection.sock.fileno()]
        connection.sock.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--record", type=Path, required=True)
    parser.add_argument("--ttft", type=float, default=0.3)
    parser.add_argument("--gap", type=float, default=0.1)
    parser.add_argument("--tokens", type=int, default=40)
    parser.add_argument("--jitter", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--core", type=int)
    arguments = parser.parse_args()
    if arguments.core is not None:
        os.sched_setaffinity(0, {arguments.core})
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = Server(arguments)
    sys.stdout.write(f"http://127.0.0.1:{server.listener.getsockname()[1]}\n")
    sys.stdout.flush()
    server.serve()
    arguments.record.write_text(json.dumps(server.records))


if __name__ == "__main__":
    main()

"""The simulator and a client of HTTP/2, h2's own, in one thread: the test takes the steps of both."""

from __future__ import annotations

import gc
import json
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes

from loadgen.model import Simulator
from loadgen.simulator.server import Server

QUICK = {"ttft": 0.002, "gap": 0.001, "tokens": 20, "distribution": "constant"}
PROMPT = {"model": "m", "prompt": "Why?"}


@dataclass
class Got:
    """What came on one stream."""

    number: int
    head: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    ended: bool = False
    reset: int | None = None

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.body.splitlines()]


class Served:
    """A simulator that does nothing but in ``step``."""

    def __init__(self, **spec: Any) -> None:
        self.server = Server(Simulator(**{**QUICK, **spec}))
        self.loop, self.log = self.server.loop, self.server.state.log

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while len(self.loop._selector.get_map()) > 2:  # its own two: all clients have left
            self.step()
        self.loop.stop()
        self.server.run()
        gc.unfreeze()

    def step(self) -> None:
        """Do what is due or has come; wait for either, but not long."""
        self.loop.wheel.add(time.monotonic_ns() + 1_000_000, lambda: None)
        self.loop.once()

    def connect(self, alpn: tuple[str, ...] = ("h2",)) -> socket.socket:
        url = urlsplit(self.server.url)
        sock = socket.create_connection((url.hostname, url.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        if not self.server.ca:
            return sock
        context = ssl.create_default_context(cafile=self.server.ca)
        context.set_alpn_protocols(list(alpn))
        wrapped = context.wrap_socket(sock, server_hostname="localhost", do_handshake_on_connect=False)
        while True:
            try:
                wrapped.do_handshake()
            except ssl.SSLWantReadError:
                self.step()
            except BaseException:
                wrapped.close()
                raise
            else:
                return wrapped


class Client:
    """One connection. ``window``: what a stream may bring before the test grants more; ``None``: no bound."""

    def __init__(self, served: Served, window: int | None = None) -> None:
        self.served, self.window, self.closed = served, window, False
        self.h2 = H2Connection(H2Configuration(header_encoding="utf-8"))
        self.h2.initiate_connection()
        if window is not None:
            self.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.got: dict[int, Got] = {}
        self.sock = served.connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def ask(
        self, body: Any = PROMPT, path: str = "/api/generate", method: str = "POST", *, end: bool = True
    ) -> Got:
        """Send a request; what comes for it will be in the result."""
        number = self.h2.get_next_available_stream_id()
        head = [(":method", method), (":path", path), (":scheme", "http"), (":authority", "x")]
        self.h2.send_headers(number, head, end_stream=end and body is None)
        if body is not None:
            self.h2.send_data(number, json.dumps(body).encode(), end_stream=end)
        self.got[number] = Got(number)
        self.flush()
        return self.got[number]

    def flush(self) -> None:
        data = self.h2.data_to_send()
        if data and not self.closed:
            self.sock.sendall(data)

    def step(self) -> None:
        self.served.step()
        try:
            data = self.sock.recv(1 << 20)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        self.closed = self.closed or not data
        for event in self.h2.receive_data(data):
            got = self.got.get(getattr(event, "stream_id", None) or 0, Got(0))
            match event:
                case events.ResponseReceived(headers=headers):
                    got.head = dict(headers)
                case events.DataReceived(data=piece, flow_controlled_length=size):
                    got.pieces.append(piece)
                    if self.window is None:
                        self.h2.acknowledge_received_data(size, event.stream_id)
                    elif size:
                        self.h2.increment_flow_control_window(size)
                case events.StreamEnded():
                    got.ended = True
                case events.StreamReset(error_code=code):
                    got.reset = int(code)
        self.flush()

    def grant(self, got: Got, size: int) -> None:
        self.h2.increment_flow_control_window(size, got.number)
        self.flush()

    def run(self, *streams: Got) -> None:
        """Step until these have ended, well or not."""
        while not all(each.ended or each.reset is not None for each in streams):
            assert not self.closed
            self.step()

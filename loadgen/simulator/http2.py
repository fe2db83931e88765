"""HTTP/2 (h2): many requests on one connection, each blocked by its own window alone."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any, Final

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from loadgen.simulator import http
from loadgen.simulator.connection import Answering, Connection, Handler
from loadgen.simulator.link import Link
from loadgen.simulator.state import State

# No cap that a scenario could reach, and room for prompts, as Go's server has it.
_SETTINGS: Final = {
    SettingCodes.MAX_CONCURRENT_STREAMS: 100_000,
    SettingCodes.INITIAL_WINDOW_SIZE: 1 << 20,
    SettingCodes.MAX_HEADER_LIST_SIZE: http.HEAD_LIMIT,
}
# A client may send hundreds of requests at once, each of which takes a fraction of a millisecond.
_PIECE: Final = 2 << 10
_WRITE_SIZE: Final = 256 << 10


class Http2(Link):
    """One client. ``waiting`` are its requests whose answers it was too slow to take."""

    __slots__ = ("_open", "_route", "h2", "waiting")

    def __init__(self, state: State, sock: socket.socket, route: Handler) -> None:
        super().__init__(state, sock)
        self._route = route
        self._open: dict[int, Exchange] = {}
        self.waiting: dict[int, Exchange] = {}
        self.h2 = H2Connection(
            H2Configuration(
                client_side=False,
                header_encoding="latin-1",
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self.h2.local_settings = Settings(client=False, initial_values=_SETTINGS)
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(_SETTINGS[SettingCodes.INITIAL_WINDOW_SIZE])

    def feed(self, data: bytes) -> None:
        """Take what has come; streams on other connections go on in between."""
        for at in range(0, len(data), _PIECE):
            if at:
                self.loop.turn()
            if self.sock.fileno() < 0 or self._closing or self._draining:
                return
            try:
                for event in self.h2.receive_data(data[at : at + _PIECE]):
                    if self.sock.fileno() >= 0 and (act := _ACTS.get(type(event))) is not None:
                        act(self, event)
            except ProtocolError:  # h2 has a GOAWAY for the client, and takes nothing more
                self.flush()
                self._cancel_all()
                self.leave()
                return
            self.flush()

    def flush(self) -> None:
        """Send what h2 has ready."""
        if self.sock.fileno() >= 0 and (data := self.h2.data_to_send()):
            self.send(data)

    def drained(self) -> None:
        """Let all go on that waited."""
        for exchange in list(self.waiting.values()):
            exchange.go_on()

    def cancel(self) -> None:
        """Cancel all streams, and let go of h2's connection."""
        self._cancel_all()
        # It refers to itself, and the simulator runs without the cycle collector. Later, for it may be at work now.
        self.loop.wheel.add(time.monotonic_ns(), vars(self.h2).clear)

    def _cancel_all(self) -> None:
        for exchange in list(self._open.values()):
            exchange.cancel()

    def forget(self, number: int) -> None:
        """Let go of a request."""
        self._open.pop(number, None)
        self.waiting.pop(number, None)

    def _request(self, event: events.RequestReceived) -> None:
        exchange = Exchange(self, event.stream_id, _request(event.headers))
        self._open[event.stream_id] = exchange
        try:
            exchange.request.path = http.path_of(exchange.request.path)
        except http.HttpError as error:
            exchange.answer(error.status, str(error).encode(), http.TEXT)

    def _data(self, event: events.DataReceived) -> None:
        self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if (exchange := self._open.get(event.stream_id)) is None:
            return
        exchange.request.body += event.data
        if len(exchange.request.body) > http.BODY_LIMIT:
            exchange.answer(413, b"413 request body too large", http.TEXT)

    def _whole(self, event: events.StreamEnded) -> None:
        if (exchange := self._open.get(event.stream_id)) is not None:
            exchange.is_whole = True
            self._route(self.state, exchange, exchange.request)

    def _left(self, event: events.StreamReset) -> None:
        if (exchange := self._open.get(event.stream_id)) is not None:
            exchange.cancel()

    def _window(self, event: events.WindowUpdated) -> None:
        if not event.stream_id:
            self.drained()
        elif (exchange := self.waiting.get(event.stream_id)) is not None:
            exchange.go_on()

    def _settings(self, _: events.RemoteSettingsChanged) -> None:
        self.drained()

    def _goes(self, _: events.ConnectionTerminated) -> None:
        self.close()


_ACTS: Final[dict[type[events.Event], Callable[[Http2, Any], None]]] = {
    events.RequestReceived: Http2._request,
    events.DataReceived: Http2._data,
    events.StreamEnded: Http2._whole,
    events.StreamReset: Http2._left,
    events.WindowUpdated: Http2._window,
    events.RemoteSettingsChanged: Http2._settings,
    events.ConnectionTerminated: Http2._goes,
}


class Exchange(Connection):
    """One request and its answer. ``is_whole``: all of the request has come.

    ``_missing`` is what was not sent yet of the promised length; ``_gone``: the client has left.
    """

    __slots__ = (
        "_ended",
        "_gone",
        "_h2",
        "_link",
        "_missing",
        "_number",
        "is_whole",
        "out",
        "request",
        "stream",
    )

    def __init__(self, link: Http2, number: int, request: http.Request) -> None:
        self.stream: Answering | None = None
        self.request = request
        self.out = bytearray()
        self.is_whole = self._ended = self._gone = False
        self._missing = 0
        self._link, self._h2, self._number = link, link.h2, number

    def begin(self, status: int, content_type: bytes, length: int | None, allow: bytes = b"") -> None:
        """Begin the answer with its head."""
        if self._gone:
            return
        headers = [(b":status", b"%d" % status), (b"content-type", content_type), (b"date", http.date())]
        if allow:
            headers.append((b"allow", allow))
        if length is not None:
            headers.append((b"content-length", b"%d" % length))
            self._missing = 0 if self.request.method == "HEAD" else length
        self._h2.send_headers(self._number, headers)

    @property
    def transmit(self) -> Callable[[bytes], int]:
        """Return what sends as much as the windows, of the stream and of the connection, and the socket take."""
        return self._transmit

    def _transmit(self, data: bytes) -> int:
        link, h2, number = self._link, self._h2, self._number
        size = 0 if link.out else min(len(data), h2.local_flow_control_window(number))
        self._missing -= size
        most = h2.max_outbound_frame_size
        for at in range(0, size, most):
            h2.send_data(number, data[at : min(at + most, size)])
        link.flush()
        return size

    def send(self, data: bytes) -> None:
        """Send now what can be sent, and the rest when the client reads."""
        if self.out:
            self.out += data
        elif not self._gone and (sent := self._transmit(data)) < len(data):
            self.keep(data[sent:])

    def keep(self, rest: bytes) -> None:
        """Keep ``rest``, which a slow client has not taken."""
        self._link.state.log.blocked += 1
        self.out += rest
        self._link.waiting[self._number] = self

    def go_on(self) -> None:
        """Send more of what was kept; then let the stream go on."""
        while self.out and (sent := self._transmit(bytes(self.out[:_WRITE_SIZE]))):
            del self.out[:sent]
        if self.out:
            return
        self._link.waiting.pop(self._number, None)
        if self._ended:
            self._end()
        elif self.stream is not None:
            self.stream.resume()

    def finish(self, *, keep_alive: bool = True) -> None:  # noqa: ARG002 - the connection is others' as well
        """End the answer."""
        self._ended = True
        if not (self.out or self._gone):
            self._end()

    def _end(self) -> None:
        self._link.forget(self._number)
        if self._missing > 0:  # a truncated answer: to end it would be an error of the whole connection
            self._h2.reset_stream(self._number, ErrorCodes.INTERNAL_ERROR)
        else:
            self._h2.end_stream(self._number)
        if not self.is_whole and self._missing <= 0:
            self._h2.reset_stream(self._number, ErrorCodes.NO_ERROR)
        self._link.flush()

    def reset(self) -> None:
        """Tear the stream down (RST_STREAM); the others on the connection go on."""
        self._h2.reset_stream(self._number, ErrorCodes.INTERNAL_ERROR)
        self.cancel()
        self._link.flush()

    def close(self) -> None:
        """Close the connection."""
        self._link.close()

    def cancel(self) -> None:
        """Cancel the stream: the client has left."""
        self._gone = True
        self.out.clear()
        self._link.forget(self._number)
        if self.stream is not None:
            self.stream.release()


def _request(headers: Any) -> http.Request:
    request = http.Request(chunked=False)
    for name, value in headers:
        if name == ":method":
            request.method = value
        elif name == ":path":
            request.path = value
        else:
            key = "host" if name == ":authority" else name
            known = request.headers.get(key)
            request.headers[key] = value if known is None else f"{known}, {value}"
    return request

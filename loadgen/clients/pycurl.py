"""pycurl, on threads: an easy handle per thread, whose ``perform`` lasts as long as the stream.

libcurl calls back with the bytes of each read.
"""

import os
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from loadgen.clients import Failures, Info, Sink, connecting, trust
from loadgen.model import Cell, Outcome, Request


class Pycurl:
    INFO: ClassVar = Info(
        name="pycurl", mode="threads", distribution="pycurl", extra="pycurl", descriptors=4, http=("1.1", "2")
    )

    def __init__(self, cell: Cell) -> None:
        import pycurl

        # An error's text is a pair: "(28, 'Connection timed out after 5000 milliseconds')".
        self.failures: Failures = (
            (pycurl.error, f"({pycurl.E_OPERATION_TIMEDOUT}, ", Outcome.CONNECT_TIMEOUT),
            (pycurl.error, f"({pycurl.E_COULDNT_RESOLVE_HOST}, ", Outcome.UNRESOLVED),
            (pycurl.error, f"({pycurl.E_COULDNT_CONNECT}, ", Outcome.REFUSED),
            (pycurl.error, f"({pycurl.E_PARTIAL_FILE}, ", Outcome.TRUNCATED),
            (pycurl.error, f"({pycurl.E_GOT_NOTHING}, ", Outcome.TRUNCATED),
            (pycurl.error, "reset by peer", Outcome.RESET),
            (pycurl.error, "chunk", Outcome.UNDECODABLE),
            (pycurl.error, f"({pycurl.E_UNSUPPORTED_PROTOCOL}, ", Outcome.UNDECODABLE),
            (pycurl.error, f"({pycurl.E_FTP_WEIRD_SERVER_REPLY}, ", Outcome.UNDECODABLE),
        )
        self._cell = cell
        self._local = threading.local()

    def stream(self, request: Request, sink: Sink) -> None:
        handle: _Handle | None = getattr(self._local, "handle", None)
        if handle is None:
            handle = self._local.handle = _Handle(self._cell)
        handle.perform(request, sink)


class _Handle:
    """An easy handle with the socket of its connection."""

    def __init__(self, cell: Cell) -> None:
        import pycurl

        of, certificates = cell.workload, trust.certificates(cell)
        prior, first = pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE, pycurl.CURL_HTTP_VERSION_1_1

        self._pycurl = pycurl
        self._sockets: dict[int, socket.socket] = {}
        self._sink: Sink
        self._status = 0
        self._error: Exception | None = None
        self._curl: Any = pycurl.Curl()
        if certificates:
            self._curl.setopt(pycurl.CAPATH if os.path.isdir(certificates) else pycurl.CAINFO, certificates)
        if cell.tls.cert:
            self._curl.setopt(pycurl.SSLCERT, cell.tls.cert)
            self._curl.setopt(pycurl.SSLKEY, cell.tls.key or cell.tls.cert)
        if not cell.tls.verify:
            self._curl.setopt(pycurl.SSL_VERIFYPEER, 0)
            self._curl.setopt(pycurl.SSL_VERIFYHOST, 0)
        for option, value in (
            (pycurl.CONNECTTIMEOUT_MS, round(of.timeouts.connect * 1000)),
            (pycurl.HTTP_VERSION, prior if of.http == "2" else first),
            (pycurl.FORBID_REUSE, int(of.connections == "new")),
            (pycurl.NOSIGNAL, 1),  # signals are for the main thread
            (pycurl.PROXY, ""),  # none from the environment
            (pycurl.MAXCONNECTS, 1),
            (pycurl.SOCKOPTFUNCTION, self._opened),
            (pycurl.CLOSESOCKETFUNCTION, self._closed),
            (pycurl.HEADERFUNCTION, self._header),
            (pycurl.WRITEFUNCTION, self._body),
        ):
            self._curl.setopt(option, value)

    def perform(self, request: Request, sink: Sink) -> None:
        headers = [f"{name}: {value}" for name, value in request.headers.items()]
        self._curl.setopt(self._pycurl.URL, request.url)
        self._curl.setopt(self._pycurl.HTTPHEADER, ["Expect:", *headers])
        self._curl.setopt(self._pycurl.POSTFIELDS, request.body)
        self._curl.setopt(self._pycurl.CUSTOMREQUEST, request.method)
        self._sink, self._on_data = sink, sink.data
        self._status, self._error = 0, None
        self._lines: list[bytes] = []
        for sock in self._sockets.values():
            sink.connected(sock)
        try:
            self._curl.perform()
        finally:
            self._report_phases(request.url, sink)
            if self._error is not None:
                raise self._error

    def _report_phases(self, url: str, sink: Sink) -> None:
        info, curl = self._curl.getinfo, self._pycurl
        if info(curl.NUM_CONNECTS):
            times = (curl.NAMELOOKUP_TIME, curl.CONNECT_TIME, curl.APPCONNECT_TIME)
            connecting.of_curl([*map(info, times)], url, sink)

    def _opened(self, fd: int, purpose: int) -> int:  # noqa: ARG002
        # A duplicate: libcurl's descriptor may be closed and reused before the engine ends the stream.
        sock = self._sockets[fd] = socket.socket(fileno=os.dup(fd))
        self._sink.connected(sock)
        return int(self._pycurl.SOCKOPT_OK)

    def _closed(self, fd: int) -> int:
        self._sockets.pop(fd).close()
        os.close(fd)
        return 0

    def _header(self, line: bytes) -> int:
        return self._passed(self._read_header, line)

    def _read_header(self, line: bytes) -> None:
        if line.startswith(b"HTTP/"):
            version, status = line.split(None, 2)[:2]
            self._status, self._lines = int(status), []
            self._sink.connection(http=version[5:].decode())
        elif line == b"\r\n" and self._status >= 200:
            self._sink.headers(self._status, partial(_value, self._lines))
        else:
            self._lines.append(line)

    def _body(self, data: bytes) -> int:
        return self._passed(self._on_data, data)

    def _passed(self, on: Callable[[bytes], object], data: bytes) -> int:
        """Return what tells libcurl whether to go on."""
        try:
            on(data)
        except Exception as error:  # cannot pass through libcurl: raised after perform
            self._error = error
            return -1
        return len(data)


def _value(lines: list[bytes], name: str) -> str | None:
    """Return the value of a header."""
    wanted = name.lower().encode()
    pairs = (line.partition(b":") for line in lines)
    return next((value.strip().decode("latin-1") for each, _, value in pairs if each.lower() == wanted), None)

"""TLS on the server's side, with a certificate made at the start."""

from __future__ import annotations

import socket
import ssl
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Any, Final

_RECORD: Final = 16 << 10
_WAITS: Final = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
_PLAIN: Final = (  # in the words of Go's server
    b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    b"Client sent an HTTP request to an HTTPS server.\n"
)
_LOCAL: Final = ("127.0.0.1", "::1", "localhost")


class Socket(ssl.SSLSocket):
    """A TLS socket that waits as a plain one does, by BlockingIOError, also in its handshake."""

    def recv(self, size: int = 1024, flags: int = 0) -> bytes:
        """Return what one record has; as many bytes are asked for as a record may have, or the loop never hears."""
        try:
            return super().recv(size, flags)
        except _WAITS:
            raise BlockingIOError from None
        except ssl.SSLError as error:
            if error.reason == "HTTP_REQUEST":
                socket.socket.recv(self, _RECORD)  # to close with bytes unread would be to reset
                socket.socket.send(self, _PLAIN)
            raise

    def send(self, data: Any, flags: int = 0) -> int:
        """Send as many records as the kernel takes; each is tried again with the same bytes, as OpenSSL wants it."""
        done = 0
        try:
            while done < len(data):
                done += super().send(data[done : done + _RECORD], flags)
        except _WAITS:
            if not done:
                raise BlockingIOError from None
        return done

    def shutdown(self, how: int) -> None:
        """Close our side, and say so."""
        with suppress(*_WAITS):  # the client's own
            self.unwrap()
        super().shutdown(how)


def certified(host: str, protocols: Sequence[str]) -> tuple[ssl.SSLContext, IO[bytes]]:
    """Return the context of a server at ``host``, and the file of the certificate to trust, gone once it is closed.

    Raises ImportError without trustme.
    """
    import trustme

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslsocket_class = Socket
    context.set_alpn_protocols(list(protocols))
    authority.issue_cert(*sorted({*_LOCAL, *_names(host)})).configure_cert(context)
    file = tempfile.NamedTemporaryFile(prefix="loadgen-ca-", suffix=".pem")  # noqa: SIM115
    file.write(authority.cert_pem.bytes())
    file.flush()
    return context, file


def _names(host: str) -> set[str]:
    """Return what a certificate for ``host`` must name; of the address of all addresses, those of this machine."""
    if host not in ("", "0.0.0.0", "::"):
        return {host}
    with suppress(OSError):
        name = socket.gethostname()
        found = socket.getaddrinfo(name, None)
        return {name, *(str(address[0]).partition("%")[0] for *_, address in found)}
    return set()

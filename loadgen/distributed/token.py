"""The token that master and workers share: Locust's sockets are encrypted with keys that are made of it (CurveZMQ).

Who does not have it is neither heard nor understood, on both sides, and what is sent does not show it.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

import gevent
import zmq
from locust.rpc import zmqrpc
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

from loadgen.exit_code import ExitCode
from loadgen.preflight.requirements import Refused

TOKEN: Final = "LOADGEN_TOKEN"
SHORTEST: Final = 16
MAX_MESSAGE_BYTES: Final = 256 << 20
FAILURES: Final = 3  # to greet a master, until it is no accident
WORKER_REFUSED: Final = f"a worker is refused: it has another {TOKEN}, or none"
MASTER_REFUSED: Final = f"what answers there is no master with this {TOKEN}: set the same for both"
_FAILED: Final = (zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL, zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL)

_make: Final = zmqrpc.BaseSocket.__init__


def new_token() -> None:
    """Make a token that this process, and those that it starts, have alone."""
    os.environ[TOKEN] = secrets.token_urlsafe(32)


def token() -> str:
    """Return the token of the environment. Raises Refused where it is missing or short."""
    found = os.environ.get(TOKEN, "")
    if len(found) < SHORTEST:
        wrong = f"has fewer than {SHORTEST} characters" if found else "is not set"
        raise Refused(
            f"{TOKEN} {wrong}: set it to the same secret for the master and for every worker, such as "
            f"{secrets.token_urlsafe(24)}"
        )
    return found


def protect_sockets(refused: Callable[[str], None]) -> None:
    """Encrypt the sockets of Locust that are made from now on; without a token they end the process.

    ``refused`` is called with what is wrong where the other side has another token.
    """

    def make(self: Any, kind: int, ipv4_only: bool) -> None:
        try:
            secret = _secret_key(token())
        except Refused as error:
            sys.stderr.write(f"{error}\n")
            sys.exit(ExitCode.BAD)
        _make(self, kind, ipv4_only)
        if kind == zmq.ROUTER:
            self.socket.curve_server, self.socket.curve_secretkey = True, secret
            self.socket.maxmsgsize = MAX_MESSAGE_BYTES
        else:
            self.socket.curve_serverkey = zmq.curve_public(secret)
            self.socket.curve_publickey, self.socket.curve_secretkey = zmq.curve_keypair()
        text, failures = (WORKER_REFUSED, 1) if kind == zmq.ROUTER else (MASTER_REFUSED, FAILURES)
        gevent.spawn(_watch, self.socket.get_monitor_socket(), failures, partial(refused, text))

    zmqrpc.BaseSocket.__init__ = make  # type: ignore[method-assign]


@cache
def _secret_key(text: str) -> bytes:
    """Return the master's secret key, slow to make, so that a short token is not found by trying."""
    found: bytes = z85.encode(hashlib.scrypt(text.encode(), salt=b"loadgen", n=1 << 14, r=8, p=1, dklen=32))
    return found


def _watch(monitor: Any, failures: int, refused: Callable[[], None]) -> None:
    """Call ``refused`` once, after so many failures."""
    while failures:
        event = parse_monitor_message(monitor.recv_multipart())["event"]
        if event == zmq.EVENT_MONITOR_STOPPED:
            return
        failures -= event in _FAILED
    refused()
    while parse_monitor_message(monitor.recv_multipart())["event"] != zmq.EVENT_MONITOR_STOPPED:
        pass

"""Check, before anything is measured, that the target answers and speaks the protocol."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar
from urllib.parse import urlsplit

from loadgen import protocols
from loadgen.clients import trust
from loadgen.model import Cell, Request

REFUSALS = {400, 401, 403, 404, 405, 410, 501}  # no load changes these; 429 and 5xx may pass

T = TypeVar("T")


class TargetError(Exception):
    """The target cannot be measured; the message says which request got which answer."""


def check(cell: Cell) -> None:
    """Raise TargetError, within the connect timeout, if ``cell``'s target cannot be reached or refuses the request.

    The protocol's own cheap request is sent first; where that is inconclusive, the first request of the load is
    sent and abandoned. A slow answer is no refusal.
    """
    until = time.monotonic() + cell.workload.timeouts.connect
    protocol = protocols.load(cell.workload.protocol)
    probe = protocol.probe(cell)
    if probe is not None:
        status, body = _send(probe, cell.workload.timeouts.connect, until)
        if status in (200, None):
            return
        if status == 404 and "model" in body:
            raise TargetError(f"{_place(probe)} answered 404 for the model {cell.workload.model!r}: {body}")
    request = protocol.request(cell, cell.workload.prompts[0])
    status, body = _send(request, cell.workload.timeouts.connect, until)
    if status in REFUSALS:
        reason = http.client.responses.get(status, "")
        raise TargetError(f"{_place(request)} answered {status} {reason}: {body}")


def _place(request: Request) -> str:
    url = urlsplit(request.url)
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"


def _send(request: Request, seconds: float, until: float) -> tuple[int | None, str]:
    """Return the status and the beginning of the body; ``None`` and "" where no answer came by ``until``."""
    url = urlsplit(request.url)
    place = _place(request)
    try:
        connection = _connection(request.url, seconds)
        _within(until, connection.connect)
    except (OSError, UnicodeError) as error:
        if isinstance(error, socket.gaierror | UnicodeError):  # the latter for what cannot be a name
            reason = getattr(error, "strerror", None) or error
            message = f"the name {url.hostname!r} has no address: {reason}"
        elif isinstance(error, TimeoutError):
            message = f"no connection within {seconds:g} s"
        elif isinstance(error, ssl.SSLError):
            message = f"no TLS: {error.reason or error}"
        else:
            message = f"no connection: {error.strerror or error}"
        raise TargetError(f"{place}: {message}") from error

    def exchange() -> tuple[int, str]:
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.request(request.method, path, request.body, dict(request.headers))
        response = connection.getresponse()
        return response.status, _reason(response.read(2048) if response.status >= 300 else b"")

    try:
        return _within(until, exchange)
    except TimeoutError:
        return None, ""
    except OSError as error:  # RemoteDisconnected is one, and an HTTPException too
        reason = error.strerror or error
        raise TargetError(f"{place}: the connection was closed without an answer: {reason}") from error
    except (http.client.HTTPException, ValueError) as error:
        message = ascii((str(error) or type(error).__name__)[:100])[1:-1]
        raise TargetError(f"{place}: the answer is not HTTP: {message}") from error
    finally:
        connection.close()


def _connection(url: str, seconds: float) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        return http.client.HTTPConnection(host, parts.port, timeout=seconds)
    return http.client.HTTPSConnection(host, parts.port, timeout=seconds, context=trust.context(url))


def _within(until: float, action: Callable[[], T]) -> T:
    """Return what ``action`` returns, or raise TimeoutError: resolvers and slow servers ignore socket timeouts."""
    future: Future[T] = Future()

    def act() -> None:
        try:
            future.set_result(action())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=act, daemon=True).start()  # not an executor's, which the end of Python waits for
    return future.result(max(0.0, until - time.monotonic()))


def _reason(body: bytes) -> str:
    try:
        error = json.loads(body)["error"]
        return str(error["message"] if isinstance(error, dict) else error)
    except (ValueError, KeyError, TypeError):
        return ascii(body[:200].decode(errors="replace"))[1:-1]

"""Check, before anything is measured, that the target answers and speaks the protocol."""

from __future__ import annotations

import http.client
import json
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Literal, NamedTuple, TypeVar
from urllib.parse import urlsplit

from loadgen import protocols
from loadgen.clients import trust
from loadgen.model import MODEL, Cell, Request
from loadgen.preflight import address
from loadgen.protocols import errors, stamps
from loadgen.protocols.encoder import ask

REFUSALS = {400, 401, 403, 404, 405, 410, 501}  # no load changes these; 429 and 5xx may pass
MAX_BYTES = 4 << 20  # of an answer that is read here
NAMES = 8  # of models in a message
EMBEDDING = ("bert", "nomic-bert", "embed")  # in the names of families and models that answer no prompt

FAR_YEAR = 2200

T = TypeVar("T")


class TargetError(Exception):
    """The target cannot be measured; the message says which request got which answer."""


class ModelError(TargetError):
    """The target has no model, or several; the message names them."""


class TrustError(TargetError):
    """The target is there, and the scenario does not say whom to trust, or who we are; the message says how."""


class Model(NamedTuple):
    """A model that the server lists.

    ``expires`` is when it leaves the memory, if nobody uses it before: seconds since the epoch, 0 where nobody knows.
    """

    name: str
    size: int | None = None
    expires: float | None = None


Listed = Model | Literal[False] | None


def check(cell: Cell) -> None:
    """Raise TargetError, within the connect timeout, if ``cell``'s target cannot be reached or has not its model.

    Only the protocol's own cheap request is sent, never one of the load: a server that answers one at a time would be
    busy with it. Without such a request a connection is enough. A slow answer is no refusal.
    """
    until = _until(cell)
    if cell.workload.http == "2":
        if reason := address.lacks_http2(cell.url):
            raise TargetError(f"{place(Request('GET', cell.url, {}, b''))}: {reason}")
        if address.speaks_http2_only(cell.url):
            return  # all else is asked with HTTP/1.1
    protocol = protocols.load(cell.workload.protocol)
    if (probe := protocol.probe(cell)) is None:
        _connect(cell, protocol.request(cell, cell.workload.example), until)
        return
    status, body = exchange(cell, probe, until)
    if status in (401, 403):
        raise _refused(cell, probe, status, reason_of(body))
    if status == 404 and "model" in (reason := reason_of(body)):
        has = _list(protocol, cell) or ()
        hint = f"; it has {_names(has)}: --set model={has[0].name}" if has else ""
        pull = f", or: ollama pull {cell.workload.model}" if cell.workload.is_ollama else ""
        raise TargetError(
            f"{place(probe)} answered 404 for the model {cell.workload.model!r}: {reason}{hint}{pull}"
        )


def check_status(cell: Cell, status: int | None, reason: str) -> None:
    """Raise TargetError where a request of the load was answered with a status that no load will change."""
    if status in REFUSALS:
        request = protocols.load(cell.workload.protocol).request(cell, cell.workload.example)
        raise _refused(cell, request, status, reason)


def _refused(cell: Cell, request: Request, status: int, reason: str) -> TargetError:
    hints = (
        address.shorter(cell.url, request.url)
        if status in (404, 405)
        else address.encrypted(cell.url, reason)
    )
    return TargetError(
        f"{place(request)} answered {status} {http.client.responses.get(status, '')}: {reason}{hints}"
    )


def model_of(cell: Cell) -> str:
    """Return the model that the target has: the only one listed, or of several the only one in memory.

    A target that lists none gets the usual name. Raises TargetError where there is no clear choice, and where the
    target cannot be reached.
    """
    listed = _list(protocols.load(cell.workload.protocol), cell)
    if listed is None:
        return MODEL
    loaded = {each.name for each in in_memory(cell) or ()} if len(listed) > 1 else set()
    resident = [each for each in listed if each.name in loaded]
    for choice in (listed, resident):
        if len(choice) == 1:
            return choice[0].name
    raise ModelError(_no_choice(cell, listed))


def in_memory(cell: Cell) -> Sequence[Model] | None:
    """Return the models that the target has in memory; ``None`` where it does not tell."""
    request = getattr(protocols.load(cell.workload.protocol), "in_memory", None)
    if request is None:
        return None
    try:
        status, body = exchange(cell, request(cell), _until(cell))
    except TargetError:
        return None
    return _models(body) if status == 200 else None


def answer(request: Request, cell: Cell) -> Any:
    """Return the JSON that the target answers; ``None`` for any other answer, or none within the connect timeout."""
    try:
        status, body = exchange(cell, request, _until(cell))
        return json.loads(body) if status == 200 else None
    except (TargetError, ValueError, RecursionError):
        return None


def unload(cell: Cell) -> None:
    """Take the cell's model out of the target's memory, where the target can do that."""
    request = getattr(protocols.load(cell.workload.protocol), "unload", None)
    if request is not None:
        answer(request(cell), cell)


def residency(cell: Cell) -> Listed:
    """Return the cell's model as the target has it in memory, False where it has not, ``None`` where nobody knows."""
    loaded = in_memory(cell)
    if loaded is None:
        return None
    wanted = full_name(cell.workload.model)
    return next((each for each in loaded if full_name(each.name) == wanted), False)


def _list(protocol: protocols.Protocol, cell: Cell) -> list[Model] | None:
    """Return the models that answer prompts; ``None`` where the target lists none of any kind."""
    request = getattr(protocol, "catalogue", None)
    if request is None:
        return None
    status, body = exchange(cell, request(cell), _until(cell))
    found = _models(body) if status == 200 else None
    return (
        None
        if found is None
        else [each for each in found if not any(word in each.name for word in EMBEDDING)]
    )


def _models(body: bytes) -> list[Model] | None:
    """Return the models of a list as Ollama or OpenAI gives it; ``None`` for anything else."""
    try:
        found = json.loads(body)
        listed = found["data"] if isinstance(found.get("data"), list) else found["models"]
        return [
            Model(str(each.get("id") or each["name"]), each.get("size"), _seconds(each.get("expires_at")))
            for each in listed
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _seconds(at: object) -> float | None:
    if not isinstance(at, str) or not at[:4].isdecimal():
        return None
    stamp = stamps.parse(at)
    if stamp is None:  # Go's zero time, or for ever
        return math.inf if int(at[:4]) > FAR_YEAR else 0.0
    return max(0.0, stamp / 1e9)


def _no_choice(cell: Cell, listed: Sequence[Model]) -> str:
    base = place(ask(cell, "", ""))
    if listed:
        return f"{base} has {len(listed)} models: {_names(listed)}; choose one: --set model={listed[0].name}"
    return f"{base} has no model" + (f"; first: ollama pull {MODEL}" if cell.workload.is_ollama else "")


def _names(models: Sequence[Model]) -> str:
    more = f" and {len(models) - NAMES} more" if len(models) > NAMES else ""
    return ascii(", ".join(each.name for each in models[:NAMES]))[1:-1] + more


def full_name(model: str) -> str:
    """Return the name by which models are compared: ``x`` is Ollama's ``x:latest``."""
    return (model if ":" in model.rpartition("/")[2] else f"{model}:latest").lower()


def _until(cell: Cell) -> float:
    return time.monotonic() + cell.workload.timeouts.connect


def place(request: Request) -> str:
    """Return the URL of a request as it may be shown."""
    url = urlsplit(request.url)
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"


def _connect(cell: Cell, request: Request, until: float) -> http.client.HTTPConnection:
    """Return a connection for the request. Raises TargetError."""
    url = urlsplit(request.url)
    seconds = max(0.001, until - time.monotonic())
    try:
        connection = _connection(cell, request.url, seconds)
        within(until, connection.connect)
    except (OSError, UnicodeError) as error:
        if isinstance(error, socket.gaierror | UnicodeError):  # the latter for what cannot be a name
            reason = getattr(error, "strerror", None) or error
            message = f"the name {url.hostname!r} has no address: {reason}"
        elif isinstance(error, TimeoutError):
            reason = address.spoken(request.url) if url.scheme == "https" else ""
            message = reason or f"no connection within {math.ceil(10 * seconds) / 10:g} s"
        elif reason := trust.explained([error]):
            found = address.certificate(request.url)
            raise TrustError(f"{place(request)}: {reason}{found and f' ({found})'}") from error
        elif isinstance(error, ssl.SSLError):
            message = address.spoken(request.url) or f"no TLS: {error.reason or error}"
        else:
            reason = "" if isinstance(error, ConnectionRefusedError) else address.spoken(request.url)
            message = reason or f"no connection: {error.strerror or error}"
        raise TargetError(f"{place(request)}: {message}") from error
    return connection


def exchange(cell: Cell, request: Request, until: float) -> tuple[int | None, bytes]:
    """Return the status and the body, or the beginning of a long one; ``None`` where no answer came by ``until``.

    Raises TargetError.
    """
    url, connection = urlsplit(request.url), _connect(cell, request, until)

    def exchange() -> tuple[int, bytes]:
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.request(request.method, path, request.body or None, dict(request.headers))
        response = connection.getresponse()
        return response.status, response.read(MAX_BYTES)

    try:
        return within(until, exchange)
    except TimeoutError:
        return None, b""
    except OSError as error:  # RemoteDisconnected is one, and an HTTPException too
        closed = f"the connection was closed without an answer: {error.strerror or error}"
        if message := trust.explained([error]) or address.asked(request.url, cell):
            raise TrustError(f"{place(request)}: {message}") from error
        message = address.spoken(request.url) or closed
        raise TargetError(f"{place(request)}: {message}") from error
    except (http.client.HTTPException, ValueError) as error:
        message = ascii((str(error) or type(error).__name__)[:100])[1:-1]
        message = address.spoken(request.url) or f"the answer is not HTTP: {message}"
        raise TargetError(f"{place(request)}: {message}") from error
    finally:
        connection.close()


def _connection(cell: Cell, url: str, seconds: float) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        return http.client.HTTPConnection(host, parts.port, timeout=seconds)
    return http.client.HTTPSConnection(host, parts.port, timeout=seconds, context=trust.context(cell))


def within(until: float, action: Callable[[], T]) -> T:
    """Return what ``action`` returns, or raise TimeoutError: resolvers and slow servers ignore socket timeouts."""
    future: Future[T] = Future()

    def act() -> None:
        try:
            future.set_result(action())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=act, daemon=True).start()  # not an executor's, which the end of Python waits for
    return future.result(max(0.0, until - time.monotonic()))


def reason_of(body: bytes) -> str:
    return errors.said(body) or ascii(body[:200].decode(errors="replace"))[1:-1]

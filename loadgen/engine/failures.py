"""Why a stream failed: the outcome of an exception, and what a response said that was no answer."""

from __future__ import annotations

import socket
import zlib
from collections.abc import Callable
from contextlib import suppress

from loadgen.clients import Failures, NotSent, trust
from loadgen.model import Outcome
from loadgen.protocols import Undecodable, errors

MAX_BODY_BYTES = 2048  # kept of the body of a response without an answer
MAX_SHOWN = 400  # characters of it that an error shows, where no message can be read out of it

Body = bytes | bytearray
Headers = Callable[[str], str | None]  # the value of a header, if there is one

_OS_ERRORS: Failures = (
    (ConnectionRefusedError, "", Outcome.REFUSED),
    (socket.gaierror, "", Outcome.UNRESOLVED),
    (ConnectionResetError, "", Outcome.RESET),
    (BrokenPipeError, "", Outcome.RESET),
    (ConnectionAbortedError, "", Outcome.RESET),
)


def classify(error: BaseException, failures: Failures) -> Outcome:
    """Return the outcome of an exception: by the client's own table first, then by the error of the system."""
    if isinstance(error, Undecodable):
        return Outcome.UNDECODABLE
    if isinstance(error, NotSent):
        return Outcome.FAILED
    chain = _chain(error)
    for kind, text, outcome in _OS_ERRORS[:2] + failures + _OS_ERRORS[2:]:
        if any(isinstance(link, kind) and text in str(link) for link in chain):
            return outcome
    return Outcome.FAILED


def certificate(error: BaseException) -> str:
    """Return what is wrong with a certificate, in the same words for every library; "" where it is not that."""
    return trust.explained(_chain(error))


def _chain(error: BaseException) -> list[BaseException]:
    """Return an exception and its causes, which libraries hide in ``args`` and ``reason`` too."""
    chain: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting and len(chain) < 32:
        link = waiting.pop(0)
        if isinstance(link, BaseException) and not any(link is known for known in chain):
            chain.append(link)
            waiting += [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]
    return chain


def refusal(headers: Headers, body: Body) -> str:
    """Return what a response that is no 2xx says: its message, where it leads to, and when to come again."""
    hints = [f"{name}: {value}" for name in ("Location", "Retry-After") if (value := headers(name))]
    return f"{_message(headers, body)} ({', '.join(hints)})".strip() if hints else _message(headers, body)


def no_answer(status: int | None, headers: Headers, body: Body) -> str:
    """Return what a response is that held no event of the protocol: status, type, encoding, beginning of the body."""
    encoding = _encoding(headers)
    about = [f"HTTP {status}", headers("Content-Type") or "no Content-Type"]
    about += [f"{encoding}, which was not requested"] if encoding else []
    return f"{', '.join(about)}: {_message(headers, body)}" if body else ", ".join(about)


def reported(headers: Headers, body: Body) -> str | None:
    """Return the error that the body reports as a JSON object, if it does."""
    return errors.said(_unpacked(headers, body))


def _message(headers: Headers, body: Body) -> str:
    plain = _unpacked(headers, body)
    said = errors.said(plain)
    text = "".join(char if char.isprintable() else " " for char in said or plain.decode(errors="replace"))
    shown = text.strip() if said else " ".join(text.split())
    return shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}…"


def _encoding(headers: Headers) -> str:
    encoding = headers("Content-Encoding") or ""
    return "" if encoding.lower() == "identity" else encoding


def _unpacked(headers: Headers, body: Body) -> bytes:
    """Return the beginning of a body whose compression was not requested."""
    if _encoding(headers) or body[:2] == b"\x1f\x8b":
        with suppress(zlib.error):
            return zlib.decompressobj(wbits=47).decompress(body, MAX_BODY_BYTES)
    return bytes(body)

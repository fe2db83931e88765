"""What can happen to a stream, and the outcome it must have with every client."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from loadgen.clients import BUILTIN, info
from loadgen.model import Outcome, Timeouts
from tests.clients.raw import Handler, Wire

PATIENT = Timeouts(connect=60.0, first_token=60.0, idle=60.0, total=60.0)
# The one timeout that a stream of this outcome can reach; the others are out of reach, however busy the machine.
TIMEOUTS = {
    Outcome.FIRST_TOKEN_TIMEOUT: replace(PATIENT, first_token=5.0),  # headers come before it
    Outcome.IDLE_TIMEOUT: replace(PATIENT, idle=1.0),
    Outcome.TOTAL_TIMEOUT: replace(PATIENT, total=5.0),
}

CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
TOKEN = '{"created_at":"2026-01-31T12:00:00.000001Z","response":"né"}\n'.encode()
END = b'{"created_at":"2026-01-31T12:00:00.1Z","response":"","done":true,"eval_count":3}\n'
LAST = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def chunked(*parts: bytes, status: bytes = b"200 OK", more: bytes = b"") -> bytes:
    """Headers and a chunk per part; the last chunk is missing."""
    return CHUNKED.replace(b"200 OK", status).replace(b"Transfer-", more + b"Transfer-") + b"".join(
        map(chunk, parts)
    )


def length(size: int, status: bytes = b"200 OK", more: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n" % (status, more, size)


def says(*parts: bytes) -> Handler:
    """All of it at once; the connection stays open for the next request."""
    return lambda wire: wire.send(*parts)


def says_and_holds(*parts: bytes) -> Handler:
    def handler(wire: Wire) -> None:
        wire.send(*parts)
        wire.hold()

    return handler


def says_and_closes(*parts: bytes) -> Handler:
    def handler(wire: Wire) -> None:
        wire.send(*parts)
        wire.finish()

    return handler


def says_and_resets(*parts: bytes) -> Handler:
    def handler(wire: Wire) -> None:
        wire.send(*parts)
        if parts:
            wire.pause(until_read=True)  # a reset overtakes what the client has not read yet
        wire.reset()

    return handler


def slowly(*parts: bytes) -> Handler:
    def handler(wire: Wire) -> None:
        for part in parts:
            wire.send(part)
            wire.pause()

    return handler


def slowly_to_the_end(*parts: bytes) -> Handler:
    def handler(wire: Wire) -> None:
        for part in parts:
            wire.send(part)
            wire.pause(until_read=True)
        wire.finish()

    return handler


def for_ever(head: bytes, part: bytes) -> Handler:
    def handler(wire: Wire) -> None:
        wire.send(head)
        while True:
            wire.send(part)
            wire.pause()

    return handler


class Expected(NamedTuple):
    """``error``: words that the stream's error must hold."""

    handler: Handler
    outcome: Outcome
    tokens: int | None = 0  # None: any number above 0
    status: int | None = 200
    error: str = ""


OK, CUT, RESET, BAD = Outcome.OK, Outcome.TRUNCATED, Outcome.RESET, Outcome.UNDECODABLE
LATE, STATUS, SAID = Outcome.FIRST_TOKEN_TIMEOUT, Outcome.HTTP_STATUS, Outcome.SERVER_ERROR
IDLE = Outcome.IDLE_TIMEOUT
HALF = TOKEN * 2 + END
FELL = b'{"error":"llama fell"}\n'
GZIP = b"Content-Encoding: gzip\r\n"
ZIPPED = gzip.compress(HALF, mtime=0)  # no LF among its bytes: with the time of day there might be one

JSON = b"Content-Type: application/json\r\n"
BUSY = b'{"error":{"message":"server busy"}}'
ZIPPED_ERROR = gzip.compress(BUSY, mtime=0)
PAGE = b"<html>\n<title>502 Bad Gateway</title>\n</html>\n"

CONDITIONS: dict[str, Expected] = {
    # -- success
    "chunked": Expected(says(chunked(TOKEN, TOKEN, END), LAST), OK, 2),
    "chunked, slowly": Expected(slowly(chunked(TOKEN), *[chunk(TOKEN)] * 9, chunk(END), LAST), OK, 10),
    "headers, then the body": Expected(slowly(CHUNKED, chunk(TOKEN), chunk(END) + LAST), OK, 1),
    "length": Expected(says(length(len(HALF)), HALF), OK, 2),
    "length, slowly": Expected(slowly(length(len(TOKEN * 10 + END)), *[TOKEN] * 10, END), OK, 10),
    "until the connection ends": Expected(says_and_closes(UNTIL_CLOSE, HALF), OK, 2),
    "until the connection ends, slowly": Expected(slowly_to_the_end(UNTIL_CLOSE, *[TOKEN] * 10, END), OK, 10),
    "HTTP/1.0": Expected(says_and_closes(b"HTTP/1.0 200 OK\r\n\r\n", HALF), OK, 2),
    "cut in a character": Expected(slowly(chunked(TOKEN[:-4]), chunk(TOKEN[-4:]), chunk(END) + LAST), OK, 1),
    "last line without LF": Expected(says(chunked(TOKEN, END[:-1]), LAST), OK, 1),
    "garbage after the end": Expected(says(chunked(HALF, b"}}}\n"), LAST), OK, 2),
    "reset after the end": Expected(says_and_resets(chunked(HALF)), OK, 2),
    "closed after the end": Expected(says_and_closes(chunked(HALF)), OK, 2),
    "silence after the end": Expected(says_and_holds(chunked(HALF)), OK, 2),
    "status 201": Expected(says(length(len(HALF), b"201 Created"), HALF), OK, 2, 201),
    # -- the end is missing
    "no end": Expected(says(chunked(TOKEN), LAST), CUT, 1),
    "empty body": Expected(says(length(0)), CUT),
    "closed inside a chunk": Expected(says_and_closes(chunked(TOKEN), chunk(END)[:20]), CUT, 1),
    "closed between chunks": Expected(says_and_closes(chunked(TOKEN)), CUT, 1),
    "closed before the length": Expected(says_and_closes(length(1000), TOKEN), CUT, 1),
    "closed too early, no length": Expected(says_and_closes(UNTIL_CLOSE, TOKEN), CUT, 1),
    "closed inside the headers": Expected(says_and_closes(CHUNKED[:-10]), CUT, status=None),
    "closed without an answer": Expected(says_and_closes(), CUT, status=None),
    # -- reset
    "reset without an answer": Expected(says_and_resets(), RESET, status=None),
    "reset inside a chunk": Expected(says_and_resets(chunked(TOKEN), chunk(END)[:20]), RESET, 1),
    "reset between chunks": Expected(says_and_resets(chunked(TOKEN)), RESET, 1),
    "reset before the length": Expected(says_and_resets(length(1000), TOKEN), RESET, 1),
    "reset, no length": Expected(says_and_resets(UNTIL_CLOSE, TOKEN), RESET, 1),
    # -- no answer at all
    "an error, unframed": Expected(says(length(len(BUSY), more=JSON), BUSY), SAID, error="server busy"),
    "an error, until the end": Expected(says_and_closes(UNTIL_CLOSE, BUSY), SAID, error="server busy"),
    "a page": Expected(
        says(length(len(PAGE), more=b"Content-Type: text/html\r\n"), PAGE), BAD, error="HTTP 200, text/html"
    ),
    "a page, chunked": Expected(says(chunked(PAGE[:9], PAGE[9:]), LAST), BAD, error="Bad Gateway"),
    "text": Expected(says_and_closes(UNTIL_CLOSE, b"upstream gone"), CUT, error="no Content-Type: upstream gone"),
    "an error, compressed unasked": Expected(
        says(length(len(ZIPPED_ERROR), more=GZIP + JSON), ZIPPED_ERROR), SAID, error="server busy"
    ),
    # -- refused by HTTP
    "status 404": Expected(says(length(3, b"404 Not Found"), b"who"), STATUS, status=404, error="who"),
    "status 429, chunked": Expected(
        says(chunked(b"slow ", b"down", status=b"429 Too Many Requests"), LAST),
        STATUS,
        status=429,
        error="slow down",
    ),
    "status 500, empty": Expected(says(length(0, b"500 Oh No")), STATUS, status=500),
    "status 500, until the end": Expected(
        says_and_closes(UNTIL_CLOSE.replace(b"200 OK", b"500 Oh No"), b"why"), STATUS, status=500, error="why"
    ),
    "status 503, silence": Expected(
        says_and_holds(length(1000, b"503 Busy"), b"queue full"), STATUS, status=503, error="queue full"
    ),
    "status 500, for ever": Expected(
        for_ever(chunked(status=b"500 Oh No"), chunk(b"no ")), STATUS, status=500, error="no"
    ),
    "redirect": Expected(
        says(length(5, b"307 Moved", b"Location: /elsewhere\r\n"), b"there"),
        STATUS,
        0,
        307,
        "there (Location: /elsewhere)",
    ),
    "status 429, with a time": Expected(
        says(length(len(BUSY), b"429 Slow", b"retry-after: 7\r\n"), BUSY),
        STATUS,
        0,
        429,
        "server busy (Retry-After: 7)",
    ),
    "redirect for ever": Expected(
        for_ever(
            chunked(status=b"302 Found", more=b"Location: /elsewhere\r\n"),
            chunk(b"there "),
        ),
        STATUS,
        status=302,
        error="there",
    ),
    "credentials wanted": Expected(
        says(length(2, b"401 Who", b'WWW-Authenticate: Basic realm="x"\r\n'), b"no"), STATUS, 0, 401, "no"
    ),
    # -- an error in the body
    "error line": Expected(says(chunked(TOKEN, FELL), LAST), SAID, 1, error="llama fell"),
    "error object": Expected(says(chunked(b'{"error":{"code":7}}\n'), LAST), SAID, error="7"),
    "error line, then reset": Expected(
        says_and_resets(chunked(TOKEN, FELL)), SAID, 1, error="llama fell"
    ),
    # -- no such protocol
    "broken line": Expected(says(chunked(TOKEN, b'{"resp\n', END), LAST), BAD, 1, error='{"resp'),
    "broken line, then silence": Expected(says_and_holds(chunked(TOKEN, b'{"resp\n')), BAD, 1),
    "broken line in the same chunk": Expected(says(chunked(TOKEN * 2 + b"{\n" + END), LAST), BAD, 2),
    "bad UTF-8": Expected(says(chunked(TOKEN, b'{"response":"\xff"}\n', END), LAST), BAD, 1),
    "not a chunk": Expected(slowly_to_the_end(chunked(TOKEN), b"zz\r\n" + TOKEN), BAD, 1),
    "compressed unasked": Expected(
        says(length(len(ZIPPED), more=GZIP), ZIPPED), CUT
    ),
    "compressed unasked, chunked": Expected(
        says(chunked(ZIPPED + b"\n" + HALF, more=GZIP), LAST), BAD
    ),
    "not HTTP": Expected(says_and_closes(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), BAD, status=None),
    "not HTTP, a line only": Expected(says_and_closes(b"SSH-2.0-OpenSSH_9.2\r\n"), BAD, status=None),
    "not HTTP, then silence": Expected(says_and_holds(b"SSH-2.0-OpenSSH_9.2\r\n"), BAD, status=None),
    # -- too late
    "silence": Expected(says_and_holds(), LATE, status=None),
    "headers for ever": Expected(for_ever(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"), LATE, status=None),
    "silence after the headers": Expected(says_and_holds(CHUNKED), LATE),
    "silence after the headers, with a length": Expected(says_and_holds(length(1000)), LATE),
    "blank lines for ever": Expected(for_ever(CHUNKED, chunk(b"\n")), LATE),
    "no whole line": Expected(says_and_holds(chunked(TOKEN[:-1])), LATE),
    "stall": Expected(says_and_holds(chunked(TOKEN)), IDLE, 1),
    "stall, with a length": Expected(says_and_holds(length(1000), TOKEN), IDLE, 1),
    "stall inside a chunk": Expected(says_and_holds(chunked(TOKEN), chunk(END)[:20]), IDLE, 1),
    "tokens for ever": Expected(for_ever(CHUNKED, chunk(TOKEN)), Outcome.TOTAL_TIMEOUT, None),
    "tokens for ever, no length": Expected(for_ever(UNTIL_CLOSE, TOKEN), Outcome.TOTAL_TIMEOUT, None),
}  # fmt: skip

ON_H11 = ("httpx", "httpx2", "ollama", "niquests")
NEVER_REUSES = [name for name in BUILTIN if "reuse" not in info(name).connections]

# What a library hides: (condition, library) -> the outcome that is reported instead.
EXCEPTIONS: dict[tuple[str, str], dict[str, Any]] = {
    # h11 looks at nothing before the blank line that ends the headers.
    **{("not HTTP, a line only", library): {"outcome": CUT} for library in ON_H11},
    **{("not HTTP, then silence", library): {"outcome": LATE} for library in ON_H11},
    # aiohttp takes a reset for the end of a body that has no length ...
    ("reset, no length", "aiohttp"): {"outcome": CUT},
    # ... and lets the reader of a body with a broken chunk wait for ever.
    ("not a chunk", "aiohttp"): {"outcome": IDLE},
    # niquests takes every reset for an end.
    ("reset without an answer", "niquests"): {"outcome": CUT},
    ("reset inside a chunk", "niquests"): {"outcome": CUT},
    ("reset between chunks", "niquests"): {"outcome": CUT},
    ("reset before the length", "niquests"): {"outcome": CUT},
    ("reset, no length", "niquests"): {"outcome": CUT},
    # curl_cffi reports the headers with the first bytes of the body.
    ("silence after the headers", "curl_cffi"): {"status": None},
    ("silence after the headers, with a length", "curl_cffi"): {"status": None},
    # The ollama SDK unpacks, replaces what is no UTF-8, and fails on blank lines.
    ("compressed unasked", "ollama"): {"outcome": OK, "tokens": 2},
    ("compressed unasked, chunked", "ollama"): {"outcome": OK, "tokens": 2},
    ("bad UTF-8", "ollama"): {"outcome": OK, "tokens": 2},
    ("blank lines for ever", "ollama"): {"outcome": BAD},
    # It fails at the first line, and sees no other.
    ("a page, chunked", "ollama"): {"error": "<html>"},
    ("text", "ollama"): {"outcome": BAD},
}


def expected(name: str, client: str) -> Expected:
    """What a client of that name makes of a condition."""
    return CONDITIONS[name]._replace(**EXCEPTIONS.get((name, library(client)), {}))


def by_timeout(conditions: Mapping[str, Expected]) -> Iterator[tuple[Timeouts, list[str]]]:
    """Yield the conditions in groups, with the timeouts that fit what is expected of them."""
    groups: dict[Outcome, list[str]] = {}
    for name, condition in conditions.items():
        groups.setdefault(condition.outcome if condition.outcome in TIMEOUTS else OK, []).append(name)
    for outcome, names in groups.items():
        yield TIMEOUTS.get(outcome, PATIENT), names


def library(client: str) -> str:
    """What reads the responses of a client of that name."""
    return "aiohttp" if client.endswith("-aiohttp") else client.partition("-")[0]

"""What comes without end before, between and after bodies ends as a failure, and takes no memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from loadgen.clients import version
from loadgen.model import ClientId, Load, Outcome, Timeouts
from tests.clients.conditions import CHUNKED, TOKEN, chunk
from tests.clients.measuring import peak_kib, record_each, rows
from tests.clients.raw import Gone, Raw, Wire
from tests.lab.cells import cell

OK = b"HTTP/1.1 200 OK\r\n"
HEADERS = b"".join(b"X-%d: %b\r\n" % (number, b"y" * 100) for number in range(600))
MAX_KIB = 40 << 10
TIMEOUTS = Timeouts(connect=5, first_token=2, idle=2, total=3)
# One of each library that parses HTTP its own way.
CLIENTS = ("floor", "aiohttp", "requests", "httpx-async", "pycurl", "curl_cffi-async")


def endless(first: bytes, piece: bytes) -> Callable[[Wire], None]:
    def handler(wire: Wire) -> None:
        wire.send(first)
        try:
            while True:
                wire.send(piece)
        except OSError:
            raise Gone from None

    return handler


ENDLESS = {
    "a header's value": endless(OK + b"X: ", b"x" * 65536),
    "headers": endless(OK, HEADERS),
    "interim responses": endless(b"", b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" * 1000),
    "trailers": endless(CHUNKED + chunk(TOKEN) + b"0\r\n", HEADERS),
    "a chunk's extension": endless(CHUNKED + chunk(TOKEN) + b"5;", b"x" * 65536),
}


def test_no_head_without_end_takes_memory_or_succeeds() -> None:
    clients = [ClientId(name) for name in CLIENTS if version(name) is not None]
    pairs = [(client, kind) for client in clients for kind in ENDLESS]
    with ExitStack() as stack:
        server = stack.enter_context(Raw(ENDLESS))
        recordings = record_each(
            [
                cell(client=client, url=server.url, prompts=(kind,), concurrency=1, load=Load(requests=1),
                     timeouts=TIMEOUTS)
                for client, kind in pairs
            ]
        )  # fmt: skip
    for pair, recording in zip(pairs, recordings, strict=True):
        (row,) = rows(recording)
        assert row.outcome not in (Outcome.OK, Outcome.STOPPED), pair
        assert peak_kib(recording) < MAX_KIB, pair
        if pair[0].name == "floor":
            assert (row.outcome, row.error.partition(":")[0]) == (Outcome.UNDECODABLE, "OverflowError"), pair

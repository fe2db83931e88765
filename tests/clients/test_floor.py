"""``floor`` and the connections that a server closes while they are idle, or as a request comes."""

from __future__ import annotations

import asyncio
import itertools
import select
import socket
import struct
from collections.abc import Callable
from contextlib import closing, suppress
from unittest.mock import Mock

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgen.clients.floor import RACE, Floor, _Connection
from loadgen.engine.failures import classify
from loadgen.model import ClientId, Load, Outcome, Request
from tests.clients.conditions import CHUNKED, END, LAST, TOKEN, chunk, says
from tests.clients.measuring import record, rows
from tests.clients.raw import Gone, Raw, Wire
from tests.lab.cells import cell

ANSWER = CHUNKED + chunk(TOKEN) + chunk(END) + LAST


def fin(wire: Wire) -> None:
    wire.sock.shutdown(socket.SHUT_WR)


def rst(wire: Wire) -> None:
    wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # Closing, without waking the thread that reads it: that one holds the descriptor.
    wire.sock.shutdown(socket.SHUT_RD)
    wire.sock.close()


def stray(wire: Wire) -> None:
    wire.send(ANSWER)


@pytest.mark.parametrize("happens", [fin, rst, stray])
def test_a_connection_whose_end_the_loop_has_not_seen_is_not_used(happens: Callable[[Wire], None]) -> None:
    wires: list[Wire] = []

    def handler(wire: Wire) -> None:
        wires.append(wire)
        wire.send(ANSWER)

    async def two_streams(server: Raw) -> list[bytes]:
        client = Floor(cell(url=server.url))
        request = Request("POST", f"{server.url}/api", {}, b'{"prompt": "a"}')
        bodies: list[bytes] = []
        for _ in range(2):
            body: list[bytes] = []
            await client.stream(request, Mock(data=body.append))
            bodies.append(b"".join(body))
            with suppress(OSError):
                happens(wires[-1])
            for connection in itertools.chain(*client._idle.values()):
                select.select([connection.socket], [], [], 10)  # it is there, and the loop has not run
        for connection in itertools.chain(*client._idle.values()):
            connection.close()
        await asyncio.sleep(0)
        return bodies

    with Raw({"a": handler}) as server:
        assert asyncio.run(two_streams(server)) == [TOKEN + END] * 2
        assert server.connections == 2


def test_a_request_that_an_end_met_on_its_way_is_named() -> None:
    def leaves(wire: Wire) -> None:
        raise Gone

    kinds = ("leaves", "good", "leaves", "good", "resets", "good", "resets")
    handlers = {"good": says(ANSWER), "leaves": leaves, "resets": lambda wire: wire.reset()}
    with Raw(handlers) as server:
        client = ClientId("floor")
        made = cell(client=client, url=server.url, prompts=kinds, concurrency=1, load=Load(requests=7))
        found = rows(record(made))
    cut, ok, reset = Outcome.TRUNCATED, Outcome.OK, Outcome.RESET
    assert [row.outcome for row in found] == [cut, ok, cut, ok, reset, ok, reset]
    assert [RACE in row.error for row in found] == [False, False, True, False, True, False, True]


class _ByParser(_Connection):
    """A connection that leaves every chunk to the parser."""

    def on_chunk_complete(self) -> None: ...


def _answered(kind: type[_Connection], pieces: list[bytes]) -> tuple[bytes, str, bool]:
    """Return the body, the error and whether the connection may be used again."""
    own, other = socket.socketpair()
    with own, other, closing(asyncio.new_event_loop()) as loop:
        connection, body = kind(loop, httptools.HttpResponseParser), bytearray()
        transport = Mock()
        transport.get_extra_info = {"socket": own}.get
        connection.connection_made(transport)
        connection.send("/", "host", Request("POST", "http://host/", {}, b""))
        connection.data_received(CHUNKED)
        connection._on_data = body.extend
        for piece in pieces:
            connection.data_received(piece)
        return bytes(body), type(connection._error).__name__, connection.reusable


ODD = (
    b"1C\r\n" + b"x" * 28 + b"\r\n",
    b"01\r\nx\r\n",
    b"1;a=b\r\nx\r\n",
    b"+1\r\nx\r\n",
    b"2\r\nx\r\n",
    b"1\r\nxx\n",
)
LASTS = (LAST, b"0\r\nA: b\r\n\r\n", CHUNKED)
_chunks = st.lists(
    st.sampled_from([*map(chunk, (TOKEN, END, b"\r\n", b"x" * 300)), *LASTS, *ODD]),
    max_size=6,
)


@given(chunks=_chunks, places=st.lists(st.integers(0, 400), max_size=3))
@settings(max_examples=300, deadline=None)
def test_a_chunk_that_is_a_read_is_taken_as_the_parser_would(chunks: list[bytes], places: list[int]) -> None:
    cut: list[bytes] = []
    for each in chunks:  # most reads are whole chunks
        edges = [0, *sorted({place for place in places if 0 < place < len(each)}), len(each)]
        cut += [each[begin:end] for begin, end in itertools.pairwise(edges)]
    assert _answered(_Connection, cut) == _answered(_ByParser, cut)


def test_its_outcomes() -> None:
    failures = Floor(cell()).failures
    assert classify(EOFError(RACE), failures) == Outcome.TRUNCATED
    assert classify(ConnectionResetError(RACE), failures) == Outcome.RESET

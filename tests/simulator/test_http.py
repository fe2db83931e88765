from __future__ import annotations

import gc
import weakref

import pytest

from loadgen.simulator.http import BODY_LIMIT, HEAD_LIMIT, HttpError, Parser

LENGTH = (
    b"POST /api/generate?x=1 HTTP/1.1\r\nHost: a\r\nX-Many: 1\r\nX-Many: 2\r\nContent-Length: 4\r\n\r\n{\r\n}"
)
CHUNKED = (
    b"POST /api/chat HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;name=value\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n"
)
GET = b"GET http://a:80/api/tags HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"


def parse(*pieces: bytes) -> list[tuple[str, str, bytes, bool, bool]]:
    parser, found = Parser(), []
    for piece in pieces:
        parser.feed(piece)
        while request := parser.next():
            found.append(
                (request.method, request.path, bytes(request.body), request.chunked, request.keep_alive)
            )
    assert parser.buffered == 0
    return found


EXPECTED = [
    ("POST", "/api/generate", b"{\r\n}", True, True),
    ("POST", "/api/chat", b"abc0123456789", True, True),
    ("GET", "/api/tags", b"", False, True),
]
PIPELINE = LENGTH + CHUNKED + GET


def test_pipelined_requests_are_found_however_the_bytes_are_cut() -> None:
    assert parse(PIPELINE) == EXPECTED
    assert parse(*(PIPELINE[i : i + 1] for i in range(len(PIPELINE)))) == EXPECTED
    for cut in range(1, len(PIPELINE)):
        assert parse(PIPELINE[:cut], PIPELINE[cut:]) == EXPECTED


def test_headers_are_joined_and_named_in_lower_case() -> None:
    parser = Parser()
    parser.feed(LENGTH)
    request = parser.next()
    assert request is not None
    assert request.headers == {"host": "a", "x-many": "1, 2", "content-length": "4"}


def test_blank_lines_ahead_are_skipped() -> None:
    assert parse(b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n") == [("GET", "/", b"", True, True)]


def test_an_offer_to_upgrade_is_not_taken_and_the_next_request_is_read() -> None:
    offer = b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    assert [path for _, path, *_ in parse(offer + GET)] == ["/a", "/api/tags"]


@pytest.mark.parametrize(
    ("version", "connection", "keep_alive"),
    [("1.1", "x", True), ("1.1", "Foo, Close", False), ("1.0", "x", False), ("1.0", "Keep-Alive", True)],
)
def test_keep_alive(version: str, connection: str, keep_alive: bool) -> None:
    found = parse(f"GET / HTTP/{version}\r\nHost: a\r\nConnection: {connection}\r\n\r\n".encode())
    assert found[0][4] is keep_alive


def test_a_waiting_client_gets_100_continue_only_until_its_body_has_come() -> None:
    parser = Parser()
    parser.feed(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert parser.next() is None
    assert parser.wants_continue
    parser.feed(b"{}")
    assert parser.next() is not None
    assert not parser.wants_continue


HOST = b" HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n", 400),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET /" + HOST + b"Host: b\r\n\r\n", 400),
        (b"GET /" + HOST + b"no colon\r\n\r\n", 400),
        (b"GET /" + HOST + b"bad name: x\r\n\r\n", 400),
        (b"GET /" + HOST + b"A: b\r\n folded\r\n\r\n", 400),
        (b"POST /" + HOST + b"Content-Length: -1\r\n\r\n", 400),
        (b"POST /" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST /" + HOST + b"Content-Length: %d\r\n\r\n" % (BODY_LIMIT + 1), 413),
        (b"POST /" + HOST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST /" + HOST + b"Transfer-Encoding: gzip\r\n\r\n", 400),
        (b"POST /" + HOST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
        (b"POST /" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc", 400),
        (b"POST /" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * HEAD_LIMIT, 400),
        (b"GET /" + HOST + b"A: " + b"x" * HEAD_LIMIT, 431),
        (b"GET /" + HOST + b"A: " + b"x" * HEAD_LIMIT + b"\r\n\r\n", 431),
    ],
)
def test_what_is_no_request_has_a_status(data: bytes, status: int) -> None:
    parser = Parser()
    parser.feed(data)
    with pytest.raises(HttpError) as refused:
        parser.next()
    assert refused.value.status == status


def test_a_body_in_chunks_has_a_bound() -> None:
    parser, piece = Parser(), bytes(8 << 20)
    parser.feed(b"POST /" + HOST + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(BODY_LIMIT // len(piece) + 1):
        parser.feed(b"%x\r\n%b\r\n" % (len(piece), piece))
    with pytest.raises(HttpError) as refused:
        parser.next()
    assert refused.value.status == 413


def test_a_closed_parser_is_freed_without_the_cycle_collector() -> None:
    class Watched(Parser):
        pass

    gc.disable()
    try:
        parser = Watched()
        parser.feed(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        freed = weakref.ref(parser)
        parser.close()
        del parser
        assert freed() is None
    finally:
        gc.enable()

"""What is kept of a response that held no answer: status, type, encoding, the beginning, or the error in it."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping

import pytest

from loadgen import protocols
from loadgen.engine.failures import MAX_SHOWN
from loadgen.engine.recorder import StreamRecorder
from loadgen.model import Outcome, Stream
from loadgen.protocols import Undecodable

CUT, SAID, BAD, STATUS = Outcome.TRUNCATED, Outcome.SERVER_ERROR, Outcome.UNDECODABLE, Outcome.HTTP_STATUS
BUSY = b'{"error":{"message":"server busy","type":"overloaded","code":529}}'
PRETTY = json.dumps({"detail": [{"msg": "field required", "loc": ["body", "model"]}]}, indent=2).encode()
HTML = b"<!DOCTYPE html>\n<html>\n <head><title>502 Bad Gateway</title></head>\n</html>\n"
JSON, PAGE, TEXT = "application/json", "text/html; charset=utf-8", "text/plain"
PROTOCOLS = ("ollama-generate", "ollama-chat", "openai-chat")


def stream(
    protocol: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    cut: int = 0,
    streamed: bool = True,
) -> Stream:
    """Return the stream that gets this response, in pieces of ``cut`` bytes."""
    recorder = StreamRecorder(0, 0, 0, protocols.load(protocol).decoder(streamed))
    lower = {name.lower(): value for name, value in headers.items()}
    recorder.headers(status, lambda name: lower.get(name.lower()))
    try:
        for at in range(0, len(body), cut or max(len(body), 1)):
            recorder.data(body[at : at + (cut or len(body))])
        recorder.finish()
    except Undecodable as error:
        recorder.fail(error, ())
    return recorder.stream()


# Headers and body of a 200 -> outcomes that it may have, and what its text must have.
SAYS: dict[str, tuple[dict[str, str], bytes, tuple[Outcome, ...], tuple[str, ...]]] = {
    "an error, unframed": ({"Content-Type": JSON}, BUSY, (SAID,), ("server busy",)),
    "an error, with a line feed": ({"Content-Type": JSON}, BUSY + b"\n", (SAID,), ("server busy",)),
    "an error over lines": ({"Content-Type": JSON}, PRETTY, (SAID,), ("field required",)),
    "an error, gzip": ({"Content-Encoding": "gzip"}, gzip.compress(BUSY), (SAID,), ("server busy",)),
    "an error, deflate": ({"content-encoding": "deflate"}, zlib.compress(BUSY), (SAID,), ("server busy",)),
    "an error, gzip that no header names": ({}, gzip.compress(BUSY), (SAID,), ("server busy",)),
    "an error after a BOM": ({}, b"\xef\xbb\xbf" + BUSY, (SAID,), ("server busy",)),
    "a page": ({"Content-Type": PAGE}, HTML, (CUT, BAD), ("HTTP 200", PAGE, "502 Bad Gateway")),
    "a page, gzip": (
        {"Content-Type": PAGE, "Content-Encoding": "gzip"},
        gzip.compress(HTML * 999),
        (CUT, BAD),
        ("HTTP 200", "gzip, which was not requested", "502 Bad Gateway"),
    ),
    "a page, in a compression that is not known": (
        {"Content-Type": PAGE, "Content-Encoding": "zstd"},
        b"\x28\xb5\x2f\xfd\x00\x00",
        (CUT, BAD),
        ("HTTP 200", "zstd, which was not requested"),
    ),
    "text": ({"Content-Type": TEXT}, "zu spät\x1b[31m\0".encode(), (CUT, BAD), (TEXT, "zu spät [31m")),
    "text without a type": ({}, b"upstream gone", (CUT, BAD), ("no Content-Type", "upstream gone")),
    "a long text": ({"Content-Type": TEXT}, b"no " * 99999, (CUT, BAD), ("no no no", "…")),
    "nothing": ({"Content-Type": JSON}, b"", (CUT,), ("no body", "HTTP 200", JSON)),
    "half UTF-8": ({}, "né".encode()[:2] * 9, (CUT, BAD), ("n",)),
}  # fmt: skip


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("cut", [0, 1, 100])
@pytest.mark.parametrize("name", SAYS)
def test_a_body_without_an_event_is_told(name: str, cut: int, protocol: str) -> None:
    headers, body, outcomes, words = SAYS[name]
    made = stream(protocol, 200, headers, body, cut=cut)
    assert made.outcome in outcomes, made.error
    if cut != 1 or made.outcome is not BAD:  # what came before the first wrong byte is all there is
        assert all(word in made.error for word in words), made.error
    assert len(made.error) < MAX_SHOWN + 300
    assert all(char.isprintable() for char in made.error), made.error


REFUSALS: dict[str, tuple[int, dict[str, str], bytes, str]] = {
    "JSON": (503, {"Content-Type": JSON}, BUSY, "server busy"),
    "Ollama's": (503, {}, b'{"error":"server busy, please  try again."}', "server busy, please  try again."),
    "FastAPI's": (422, {"Content-Type": JSON}, PRETTY, "field required"),
    "gzip": (429, {"Content-Encoding": "gzip"}, gzip.compress(BUSY), "server busy"),
    "retry": (429, {"retry-after": "30"}, BUSY, "server busy (Retry-After: 30)"),
    "redirect": (307, {"Location": "https://h/v1"}, b"moved", "moved (Location: https://h/v1)"),
    "redirect without a body": (308, {"Location": "/v2"}, b"", "(Location: /v2)"),
    "text": (500, {}, b"Internal\r\n Server\tError\n", "Internal Server Error"),
    "nothing": (500, {}, b"", ""),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_told(name: str, protocol: str) -> None:
    status, headers, body, error = REFUSALS[name]
    made = stream(protocol, status, headers, body, cut=7)
    assert (made.outcome, made.status, made.error) == (STATUS, status, error)


def test_an_answer_that_has_begun_is_not_quoted() -> None:
    made = stream("ollama-generate", 200, {"Content-Type": JSON}, b'{"response":"secret"}\n')
    assert (made.outcome, made.error) == (CUT, "the body ended before the protocol's end")


@pytest.mark.parametrize("body", [HTML, b"gone", BUSY])
def test_an_answer_that_does_not_stream(body: bytes) -> None:
    made = stream("openai-chat", 200, {"Content-Type": PAGE}, body, streamed=False)
    assert made.outcome in (SAID,) if body is BUSY else (BAD, CUT)
    assert "busy" in made.error or PAGE in made.error

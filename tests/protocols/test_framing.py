"""Large bodies: the same bytes give the same events, or the same error, however they are cut."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loadgen import protocols
from loadgen.protocols import End, Token, Undecodable
from loadgen.protocols.lines import MAX_BODY, MAX_LINE
from tests.protocols.feeding import outcome

MIB = 1 << 20
# What a body begins with, what fills it, and how it ends.
TEXT = {
    ("ollama-generate", True): (b'{"response":"', b'"}\n', b'{"done":true}\n'),
    ("ollama-generate", False): (b'{"done":true,"response":"', b'"}', b"\n"),
    ("ollama-chat", True): (b'{"message":{"content":"', b'"}}\n', b'{"done":true}\n'),
    ("ollama-chat", False): (b'{"done":true,"message":{"content":"', b'"}}', b"\n"),
    ("openai-chat", True): (b'data: {"choices":[{"delta":{"content":"', b'"}}]}\n\n', b"data: [DONE]\n\n"),
    ("openai-chat", False): (b'{"choices":[{"message":{"content":"', b'"}}]}', b"\n"),
}


def cut(data: bytes, steps: Iterable[int]) -> Iterable[bytes]:
    at = 0
    for step in itertools.cycle(steps):
        if at >= len(data):
            return
        yield data[at : at + step]
        at += step


sizes = st.sampled_from(
    [0, 1, 100, 1 << 16, MIB, MAX_LINE - 64, MAX_LINE, MAX_LINE + 1, 5 * MIB]
) | st.integers(0, 6 * MIB)
steps = st.sampled_from([1 << 14, 1 << 16, MIB, MAX_LINE - 1, MAX_LINE, MAX_LINE + 1, 9 * MIB]) | st.integers(
    5_000, 16 * MIB
)


@pytest.mark.parametrize(("name", "stream"), TEXT)
@given(
    lengths=st.lists(sizes, max_size=3),
    fill=st.sampled_from([b"x", b" ", b"x\n", b"\n"]),
    steps=st.lists(steps, min_size=1, max_size=3),
)
@example(lengths=[5 * MIB], fill=b"x", steps=[1 << 16])
@example(lengths=[16 * MIB], fill=b"x", steps=[1 << 16])
@settings(max_examples=12, deadline=None)
def test_cutting_a_large_body_changes_nothing(
    name: str, stream: bool, lengths: list[int], fill: bytes, steps: list[int]
) -> None:
    begin, close, end = TEXT[name, stream]
    data = b"".join(begin + fill * (length // len(fill)) + close for length in lengths) + end
    assert outcome(name, stream, cut(data, steps)) == outcome(name, stream, [data])


@pytest.mark.parametrize(("name", "stream"), TEXT)
@pytest.mark.parametrize("step", [1 << 16, 1 << 30])
def test_a_whole_body_is_no_line(name: str, stream: bool, step: int) -> None:
    begin, close, end = TEXT[name, stream]
    data = begin + b"x" * (5 * MIB) + close + end
    events, error = outcome(name, stream, cut(data, [step]))
    if stream:
        assert (events, error.partition(" longer")[0]) == ([], "a line")
    else:
        assert ([type(event) for event in events], error) == ([Token, End], "")


@pytest.mark.parametrize("name", protocols.BUILTIN)
def test_a_whole_body_is_bounded(name: str) -> None:
    decoder = protocols.load(name).decoder(False)
    block = b" " * MAX_LINE
    for _ in range(MAX_BODY // MAX_LINE):
        assert decoder.feed(block) == []
    with pytest.raises(Undecodable, match="longer than 64 MiB"):
        decoder.feed(b" ")

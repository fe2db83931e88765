"""Large bodies: the same bytes give the same events, or the same error, however they are cut."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loadgen import protocols
from loadgen.model import MAX_MESSAGE_BYTES
from loadgen.protocols import End, Token, Undecodable
from tests.protocols.feeding import outcome

MIB = 1 << 20
MAX_LINE = 4 * MIB
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
    assert outcome(name, stream, cut(data, steps), MAX_LINE) == outcome(name, stream, [data], MAX_LINE)


@pytest.mark.parametrize(("name", "stream"), TEXT)
@pytest.mark.parametrize("step", [1 << 16, 1 << 30])
def test_the_bound_is_that_of_the_setting(name: str, stream: bool, step: int) -> None:
    begin, close, end = TEXT[name, stream]
    data = begin + b"x" * (5 * MIB) + close + end
    events, error = outcome(name, stream, cut(data, [step]), len(data))
    assert ([type(event) for event in events], error) == ([Token, End], "")
    events, error = outcome(name, stream, cut(data, [step]), MAX_LINE)
    assert (events, error.partition(" (")[0]) == ([], f"a {'line' if stream else 'body'} longer than 4 MiB")


@pytest.mark.parametrize(
    "name", [name for name in protocols.BUILTIN if name != "bytes"]
)  # which keeps nothing
@pytest.mark.parametrize("stream", [True, False])
def test_what_is_kept_is_bounded(name: str, stream: bool) -> None:
    decoder = protocols.load(name).decoder(stream)
    block = b" " * MAX_LINE
    for _ in range(MAX_MESSAGE_BYTES // MAX_LINE):
        assert decoder.feed(block) == []
    with pytest.raises(Undecodable, match=r"longer than 64 MiB \(max_message\)"):
        decoder.feed(b" ")


@pytest.mark.parametrize("name", ["ollama-generate", "ollama-chat", "openai-chat"])
@pytest.mark.parametrize("break_", [b"\n", b"\r\n", b"\n\n"])
def test_a_whole_body_may_have_lines(name: str, break_: bytes) -> None:
    begin, close, end = TEXT[name, False]
    data = (begin + b"x" + close + end).replace(b",", b"," + break_ + b"  ").replace(b"{", b"{" + break_)
    events, error = outcome(name, False, [break_ + data + break_ * 5_000], 1 << 20)
    assert ([type(event) for event in events], error) == ([Token, End], "")


def test_a_long_last_line_loses_no_text() -> None:
    context = b'{"done":true,"context":[' + b"1," * 2_750_000 + b"1]}\n"
    events, error = outcome("ollama-generate", True, cut(b'{"response":"Hi"}\n' + context, [1 << 16]))
    assert ([type(event) for event in events], error) == ([Token, End], "")

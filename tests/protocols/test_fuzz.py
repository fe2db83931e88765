"""Whatever the bytes and wherever they are cut: the same events, or Undecodable."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.recorder import ENCODERS
from loadgen import protocols
from loadgen.model import Usage
from loadgen.protocols import End, Event, Token, stamps
from loadgen.protocols.encoder import Ending
from loadgen.protocols.ollama import Encoder, Kind
from tests.protocols.feeding import decode, outcome, render
from tests.protocols.test_ollama import CASES as OLLAMA
from tests.protocols.test_openai import CASES as OPENAI
from tests.protocols.test_openai import WHOLE
from tests.protocols.wire import TABLES

FORMATS = [(name, stream) for name in protocols.BUILTIN for stream in (True, False)]
NEWER = ("openai-responses", "anthropic-messages")
SENT = 1_769_860_800_123_456_789
INT64 = st.integers(-(2**63), 2**63 - 1)

known = st.sampled_from(
    [case[1] for case in OLLAMA.values()]
    + [case[0] for case in [*OPENAI.values(), *WHOLE.values()]]
    + [case.data for (name, _), table in TABLES.items() if name in NEWER for case in table.values()]
)
SHREDS = (
    b"\n",
    b"\r\n",
    b"\n\n",
    b"data: ",
    b"data:",
    b"{",
    b"}",
    b'"',
    b"[DONE]",
    b":",
    b"null",
    b"\xe4",
    b"\\u",
)
shreds = st.sampled_from(SHREDS)


@st.composite
def near_misses(draw: st.DrawFn) -> bytes:
    """Real messages, with bytes lost, doubled and put in."""
    data = bytearray(b"".join(draw(st.lists(st.one_of(known, shreds, st.binary(max_size=20)), max_size=6))))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(st.one_of(shreds, st.binary(max_size=3)))
    return bytes(data)


def pieces(data: bytes, places: list[int]) -> Iterator[bytes]:
    edges = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    return (data[start:end] for start, end in itertools.pairwise(edges))


@pytest.mark.parametrize(("name", "stream"), FORMATS)
@given(
    data=st.one_of(near_misses(), st.binary(max_size=200)), places=st.lists(st.integers(0, 600), max_size=12)
)
@settings(max_examples=150, deadline=None)
def test_cutting_changes_nothing(name: str, stream: bool, data: bytes, places: list[int]) -> None:
    whole = decode(name, [data], stream=stream)
    assert decode(name, pieces(data, places), stream=stream) == whole
    assert all(isinstance(event, Token) for event in whole.events[:-1])


@pytest.mark.parametrize("name", protocols.BUILTIN)
@given(
    data=st.one_of(near_misses(), st.lists(known, max_size=4).map(b"".join)),
    places=st.lists(st.integers(0, 600), max_size=2),
    limit=st.sampled_from([1 << 20, 90, 60]),
)
@settings(max_examples=200, deadline=None)
def test_the_shortcut_changes_nothing(name: str, data: bytes, places: list[int], limit: int) -> None:
    for end in (rb"(?<=\n)", rb"(?<=\n\n)"):  # most reads bring whole lines, or whole events
        cut = [piece for part in pieces(data, places) for piece in re.split(end, part)]
        assert outcome(name, True, cut, limit, shortcut=True) == outcome(name, True, cut, limit)


@pytest.mark.parametrize(
    "name", [name for name in protocols.BUILTIN if name not in ("bytes", "ndjson", "sse")]
)
def test_the_shortcut_takes_a_token_of_the_simulator(name: str) -> None:
    decoder = protocols.load(name).decoder(True)
    assert isinstance(decoder, protocols.Shortcut)
    encoder = ENCODERS[name]
    event = encoder.token("Hi", render(SENT).encode())
    assert decoder.plain_token(event) == (SENT if name.startswith("ollama") else 0)
    assert decoder.plain_token(encoder.token("", render(SENT).encode())) is None
    assert decoder.plain_token(event + event) is None
    decoder.feed(event[:-1])
    assert decoder.plain_token(event) is None


@given(
    kind=st.sampled_from(["generate", "chat"]),
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=8),
    model=st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
    sent=st.lists(st.integers(0, 4_000_000_000_000_000_000), min_size=9, max_size=9),
    usage=st.builds(Usage, *[st.none() | st.integers(1, 1 << 62)] * 6),
    context=st.lists(st.integers(0, 200_000), max_size=30),
    places=st.lists(st.integers(0, 3000), max_size=12),
)
@settings(max_examples=150, deadline=None)
def test_what_the_simulator_encodes_is_what_is_decoded(
    *,
    kind: Kind,
    texts: list[str],
    model: str,
    sent: list[int],
    usage: Usage,
    context: list[int],
    places: list[int],
) -> None:
    encoder = Encoder(model, kind)
    data = b"".join(encoder.token(text, render(at).encode()) for text, at in zip(texts, sent, strict=False))
    data += encoder.final(Ending(usage, render(sent[-1]).encode(), context=context))
    expected: list[Event] = [Token(at) for text, at in zip(texts, sent, strict=False) if text]
    made = decode(f"ollama-{kind}", pieces(data, places))
    assert made == ([*expected, End(replace(usage, at_ns=sent[-1], finish_reason="stop"))], False)


@given(st.integers(0, 4_611_686_000_000_000_000))
def test_a_rendered_time_is_read_again(at: int) -> None:
    assert stamps.parse(render(at)) == at


@given(
    at=st.datetimes(datetime(1824, 1, 1), datetime(2116, 1, 1)),
    minutes=st.integers(-14 * 60, 14 * 60),
    digits=st.text("0123456789", max_size=12),
)
def test_any_zone_and_number_of_digits(at: datetime, minutes: int, digits: str) -> None:
    local = at.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))
    text = local.isoformat().replace("+", f".{digits}+" if digits else "+", 1)
    if minutes < 0:
        head, zone = text[:19], text[19:]
        text = f"{head}.{digits}{zone}" if digits else f"{head}{zone}"
    seconds = (local - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    assert stamps.parse(text) == seconds * 1_000_000_000 + int(digits[:9].ljust(9, "0") or 0)


odd_times = st.from_regex(
    r"2026-01-31[T ]1[12]:00:0[01][.,]?[-+_ 0-9]{0,10}(Z|\+02:00|-05:30|\+0200|)", fullmatch=True
)


@given(st.one_of(odd_times, st.text(max_size=40)))
@settings(max_examples=400)
def test_a_time_fits_64_bits_or_is_none(text: str) -> None:
    at = stamps.parse(text)
    assert at is None or abs(at) <= 1 << 62

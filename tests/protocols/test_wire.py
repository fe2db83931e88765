"""The bodies of the table through decoder and recorder, however they are cut."""

from __future__ import annotations

import pytest

from loadgen import protocols
from loadgen.engine.recorder import StreamRecorder
from loadgen.model import Stream, Usage
from loadgen.protocols import Undecodable
from tests.protocols.feeding import cuts
from tests.protocols.wire import TABLES, Case

CASES = {
    f"{protocol}{'' if stream else ', whole'}: {name}": (protocol, stream, case)
    for (protocol, stream), table in TABLES.items()
    for name, case in table.items()
}


def recorded(protocol: str, stream: bool, pieces: list[bytes]) -> Stream:
    recorder = StreamRecorder(0, 0, 0, protocols.load(protocol).decoder(stream))
    recorder.headers(200)
    try:
        for piece in pieces:
            recorder.data(piece)
        recorder.finish()
    except Undecodable as error:
        recorder.fail(error, ())
    return recorder.stream()


def letters(stream: Stream) -> str:
    """Return the kinds of output as the table has them, sorted."""
    events = sum(memoryview(stream.counts).cast("H").tolist())
    others = {"t": stream.thinking_events, "c": stream.tool_call_events, "r": stream.refusal_events}
    kinds = {"a": events - sum(others.values()), **others}
    return "".join(letter * number for letter, number in sorted(kinds.items()))


def reported(usage: Usage) -> dict[str, object]:
    names = ("prompt_tokens", "tokens", "thinking_tokens", "finish_reason")
    return {name: value for name in names if (value := getattr(usage, name)) not in (None, "")}


@pytest.mark.parametrize(("protocol", "stream", "case"), CASES.values(), ids=CASES)
def test_what_a_body_is(protocol: str, stream: bool, case: Case) -> None:
    for pieces in cuts(case.data):
        found = recorded(protocol, stream, pieces)
        assert found.outcome == case.outcome, (found.error, pieces)
        assert letters(found) == "".join(sorted(case.output)), pieces
        assert case.error in found.error
        if case.outcome in ("ok", "empty"):
            assert reported(found.usage) == case.usage, pieces


def test_the_table_is_long() -> None:
    assert len(CASES) >= 200

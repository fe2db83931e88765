"""Streams that make the engine's memory explode are ended, and named."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import pytest

from loadgen.clients import version
from loadgen.engine import memory
from loadgen.engine.memory import MemoryWatch
from loadgen.engine.recorder import StreamRecorder
from loadgen.model import ClientId, Load, Outcome, Timeouts
from loadgen.protocols import load
from tests.clients.conditions import CHUNKED, END, LAST, TOKEN, chunk, length, says
from tests.clients.measuring import peak_kib, record, rows
from tests.clients.raw import Raw
from tests.lab.cells import cell

MIB = 1 << 20


def streams(number: int) -> Iterator[StreamRecorder]:
    """Streams of which the first has been silent longest."""
    for place in range(number):
        made = StreamRecorder(place, place, 0, load("ollama-generate").decoder(True))
        made.headers(200)
        yield made


def test_the_streams_that_were_silent_longest_go_until_memory_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100 * MIB
    monkeypatch.setattr(memory, "memory_bytes", lambda: now)
    watch, opened = MemoryWatch(), [*streams(20)]
    watch.start()
    opened[0].data(TOKEN)  # it has spoken last
    before_headers = StreamRecorder(20, 20, 0, load("ollama-generate").decoder(True))
    opened.append(before_headers)

    def ended() -> list[int]:
        watch.check(opened)
        return [each.number for each in opened if each.expired is not None]

    now += 512 * MIB + 21 * MIB
    assert ended() == [], "the limit, and one MiB for each stream"
    now += MIB
    assert ended() == [1]
    assert ended() == [1, 2, 3]
    now -= MIB
    assert ended() == [1, 2, 3]
    now += MIB
    assert ended() == [1, 2, 3, 4], "it begins anew with one"
    for _ in range(9):
        ended()
    assert before_headers.expired is None
    assert opened[0].expired == Outcome.FAILED
    stream = opened[1].stream()
    assert (stream.outcome, stream.error.partition(":")[0]) == (Outcome.FAILED, "MemoryError")


def test_without_a_count_of_memory_nothing_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "memory_bytes", lambda: None)
    watch, opened = MemoryWatch(), [*streams(3)]
    watch.start()
    watch.check(opened)
    assert [each.expired for each in opened] == [None] * 3


@pytest.mark.parametrize("name", ["httpx-sync", "httpx-async"])
def test_a_body_that_a_library_unpacks_to_gigabytes_is_ended(name: str) -> None:
    if version(name) is None:
        pytest.skip(f"{name} is not installed")
    packer = zlib.compressobj(1, wbits=31)
    bomb = b"".join([*(packer.compress(bytes(MIB)) for _ in range(1500)), packer.flush()])
    head = length(len(bomb), more=b"Content-Encoding: gzip\r\n")
    good = says(CHUNKED, chunk(TOKEN), chunk(END), LAST)
    with Raw({"bomb": says(head, bomb), "good": good}) as server:
        client = ClientId(name, {"lines": "native"})
        recording = record(
            cell(
                client=client,
                url=server.url,
                prompts=("bomb", "good"),
                concurrency=1,
                load=Load(requests=2),
                timeouts=Timeouts(first_token=120, idle=120),
            )
        )
    bad, ok = rows(recording)
    assert (bad.outcome, bad.tokens, ok.outcome) == (Outcome.FAILED, 0, Outcome.OK)
    assert "the engine had grown by" in bad.error
    assert peak_kib(recording) < 1300 << 10

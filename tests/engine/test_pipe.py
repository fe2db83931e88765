"""The engine's ends of its two pipes, and the frames between them."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

import pytest

from loadgen.engine.pipe import Commands, Done, Failed, Frame, Outbox, Pulse, Reader, Ready, Streams, encode


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        with contextlib.suppress(OSError):
            os.close(end)


def test_commands_come_in_any_pieces(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    commands = Commands(reader)
    os.write(writer, b"first\nsec")
    assert commands.wait_line() == b"first"
    os.write(writer, b"ond\nthird\nfou")
    assert commands.wait_line() == b"second"
    os.write(writer, b"rth\n")
    assert commands.read() == [b"third", b"fourth"]
    os.write(writer, b"fif")
    assert commands.read() == []
    assert commands.read() == []  # and does not wait for more
    os.write(writer, b"th\n")
    assert commands.read() == [b"fifth"]


def test_a_parent_that_has_gone_counts_as_a_stop(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    commands = Commands(reader)
    os.write(writer, b"half a li")
    os.close(writer)
    assert commands.wait_line() == b""
    assert commands.read() == [b'{"stop": true}']


def test_commands_that_came_with_the_start_are_not_lost(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    commands = Commands(reader)
    os.write(writer, b'{"start": 1}\n{"streams": 3}\n')
    assert commands.wait_line() == b'{"start": 1}'
    assert commands.read() == [b'{"streams": 3}']
    assert commands.read() == []


def test_frames_are_read_in_any_pieces() -> None:
    frames: list[Frame] = [Ready(), Pulse(1, 2, 3), Failed("né"), Streams([]), Done()]
    data = b"".join(encode(frame) for frame in frames)
    for size in (1, 3, 7, len(data)):
        reader = Reader()
        pieces = (data[at : at + size] for at in range(0, len(data), size))
        assert [frame for piece in pieces for frame in reader.feed(piece)] == frames


def test_the_outbox_never_blocks_before_it_is_drained(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    outbox = Outbox(writer)
    frames = [Failed(f"{index}:" + "x" * 500_000) for index in range(8)]
    for frame in frames:
        outbox.send(frame)  # four megabytes into a pipe of one, and nobody reads
    drained = threading.Thread(target=outbox.drain)
    drained.start()
    frames_read: list[Frame] = []
    decoder = Reader()
    while len(frames_read) < len(frames):
        frames_read += decoder.feed(os.read(reader, 100_000))
    drained.join()
    assert frames_read == frames


def test_reports_that_nobody_reads_are_bounded(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was accepted before is still sent, in whole frames."""
    monkeypatch.setattr("loadgen.engine.pipe.MAX_UNREAD_BYTES", 1_000_000)
    reader, writer = pipe
    outbox, sent = Outbox(writer), 5
    for _ in range(sent):
        outbox.send(Failed("x" * 500_000))
    with pytest.raises(BufferError, match="unread"):
        outbox.send(Failed("x" * 500_000))
    drained = threading.Thread(target=outbox.drain)
    drained.start()
    found: list[Frame] = []
    decoder = Reader()
    while len(found) < sent:
        found += decoder.feed(os.read(reader, 100_000))
    drained.join()
    assert found == [Failed("x" * 500_000)] * sent

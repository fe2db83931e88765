"""Real engine processes: commands, deaths, and what is loaded in them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import pytest

from loadgen.engine.pipe import Done, Edge, Failed, Frame, Pulse, Reader, Ready, Streams
from loadgen.lab import engine as lab_engine
from loadgen.lab.engine import Engine, environment, record
from loadgen.model import Cell, ClientId, Listener, Load, Outcome, Stream, Timeouts
from tests.clients.conditions import CHUNKED, END, LAST, TOKEN, chunk, for_ever, says
from tests.clients.measuring import rows
from tests.clients.raw import Raw
from tests.lab.cells import cell, changed

PATIENCE = 20.0  # seconds until a test gives up


class Live:
    """An engine process, and the frames it has sent so far."""

    def __init__(self, wanted: Cell | bytes, *flags: str, **environment: str) -> None:
        self.frames: list[Frame] = []
        self._reader = Reader()
        self.process = subprocess.Popen(
            [sys.executable, *flags, "-P", "-m", "loadgen.engine"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, **environment},
        )
        self.command(wanted if isinstance(wanted, bytes) else msgspec.json.encode(wanted))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def command(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")

    def start(self) -> None:
        self.until(lambda frame: isinstance(frame, Ready))
        self.command(json.dumps({"start": time.perf_counter_ns()}).encode())

    def until(self, wanted: Callable[[Frame], bool]) -> None:
        """Listen until a frame is the one wanted. Fails where the engine ends without it."""
        assert self.process.stdout is not None
        latest = time.monotonic() + PATIENCE
        while True:
            assert time.monotonic() < latest, self.frames
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            assert data, self.frames
            new = list(self._reader.feed(data))
            self.frames += new
            if any(wanted(frame) for frame in new):
                return

    def rest(self, *, orphaned: bool = True) -> bytes:
        """Listen until the engine ends; what it wrote to stderr. ``orphaned``: its stdin is closed first."""
        commands = self.process.stdin
        if not orphaned:
            self.process.stdin = None  # which communicate would close
        sent, complaints = self.process.communicate(timeout=PATIENCE)
        self.process.stdin = commands
        self.frames += self._reader.feed(sent)
        return complaints

    @property
    def streams(self) -> list[Stream]:
        return [stream for frame in self.frames if isinstance(frame, Streams) for stream in frame.streams]


def open_streams(count: int) -> Callable[[Frame], bool]:
    return lambda frame: isinstance(frame, Pulse) and frame.open == count


@contextmanager
def talkative() -> Iterator[Raw]:
    """A server whose streams never end."""
    with Raw({"Why?": for_ever(CHUNKED, chunk(TOKEN))}) as server:
        yield server


def endless(server: Raw, name: str, concurrency: int = 2) -> Cell:
    return cell(
        client=ClientId(name),
        url=server.url,
        concurrency=concurrency,
        load=Load(duration=60.0),
        timeouts=Timeouts(connect=5, first_token=60, idle=60, total=60),
    )


def test_more_streams_fewer_streams_and_a_parent_that_has_gone() -> None:
    """One engine of each kind, side by side: they wait for most of their time."""
    with talkative() as server, ExitStack() as stack:
        engines = [
            stack.enter_context(Live(changed(endless(server, name), load=Load())))
            for name in ("requests", "aiohttp", "requests-gevent")
        ]
        for engine in engines:
            engine.start()
            engine.command(b'{"streams": 5}')
        for engine in engines:
            engine.until(open_streams(5))
            engine.command(b'{"streams": 1}')
        for engine in engines:
            engine.until(open_streams(1))
        for engine in engines:
            engine.rest()  # which closes its stdin first
            assert isinstance(engine.frames[-1], Done)
            assert sorted(stream.slot for stream in engine.streams) == [0, 1, 2, 3, 4]
            assert {stream.outcome for stream in engine.streams} == {Outcome.STOPPED}
            assert engine.streams[-1].slot == 0
            assert all(stream.counts for stream in engine.streams)
            assert engine.process.returncode == 0


@pytest.mark.parametrize(("name", "ends"), [("requests", "stdout"), ("aiohttp", "both")])
def test_an_engine_that_nobody_listens_to_ends(name: str, ends: str) -> None:
    with talkative() as server, Live(endless(server, name)) as engine:
        engine.start()
        engine.until(lambda frame: isinstance(frame, Pulse))
        assert engine.process.stdout is not None
        assert engine.process.stdin is not None
        engine.process.stdout.close()
        if ends == "both":
            engine.process.stdin.close()
        assert engine.process.wait(PATIENCE) is not None


def test_a_parent_that_dies_before_the_start_starts_nothing() -> None:
    with talkative() as server, Live(endless(server, "requests")) as engine:
        engine.until(lambda frame: isinstance(frame, Ready))
        engine.rest()
        assert engine.streams == []
        assert server.connections == 0


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (b"{}", "ValidationError"),
        (b"not JSON", "DecodeError"),
        (cell(client=ClientId("nobody")), "LookupError"),
        (cell(protocol="nothing"), "LookupError"),
    ],
)
def test_an_engine_that_cannot_start_says_why(wanted: Cell | bytes, message: str) -> None:
    with Live(wanted) as engine:
        engine.rest()
        (failed,) = engine.frames
        assert isinstance(failed, Failed)
        assert message in failed.message


def test_an_engine_that_is_killed_leaves_what_it_had_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    engines: list[Engine] = []

    class Spied(Engine):
        def __init__(self, *args: object) -> None:
            super().__init__(*args)  # type: ignore[arg-type]
            engines.append(self)

    class Killer(Listener):
        def ended(self, streams: Sequence[Stream], of: object) -> None:
            os.kill(engines[0].pid, signal.SIGKILL)

    monkeypatch.setattr(lab_engine, "Engine", Spied)
    handlers = {
        "good": says(CHUNKED, chunk(TOKEN), chunk(END), LAST),
        "hang": for_ever(CHUNKED, chunk(TOKEN)),
    }
    with Raw(handlers) as server:
        recording = record(cell(url=server.url, prompts=("good", "hang")), Killer(), lambda: False)
    assert recording.ended == "the engine died (signal 9)"
    (row,) = rows(recording)
    assert (row.outcome, row.tokens) == (Outcome.OK, 1)
    assert recording.base_rss_kib is not None
    assert recording.window[1] >= recording.window[0]
    assert recording.edges == ()


def test_an_interrupt_ends_the_cell_and_keeps_its_streams() -> None:
    heard: list[bool] = []

    class Waits(Listener):
        def progress(self, progress: object) -> None:
            heard.append(True)

    with talkative() as server:
        recording = record(endless(server, "floor"), Waits(), lambda: len(heard) > 1)
    assert recording.ended == "interrupted"
    assert [row.outcome for row in rows(recording)] == [Outcome.STOPPED] * 2
    assert all(row.tokens for row in rows(recording))


# ----------------------------------------------------------------------------------------------- outsiders

NOISY = '''
import os, sys
from loadgen.clients import Info
print("imported, and glad to be")

class Noisy:
    """Says everything on stdout, and answers with what it sees of the environment."""
    INFO = Info(name="noisy", mode="threads", distribution="noisy")
    failures = ()

    def __init__(self, cell):
        print("made")

    def stream(self, request, sink):
        print("open " * 10_000, flush=True)
        os.write(1, b"straight to the descriptor\\n")
        seen = sorted(name for name in os.environ if name.lower().endswith("_proxy"))
        sink.headers(200)
        sink.data(b'{"error":"proxies: %s"}\\n' % ",".join(seen).encode())
'''


@pytest.fixture
def noisy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClientId:
    """A client that comes in through an entry point."""
    (tmp_path / "noisy.py").write_text(NOISY)
    about = tmp_path / "noisy-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: noisy\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text("[loadgen.clients]\nnoisy = noisy:Noisy\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return ClientId("noisy")


def test_neither_what_a_library_prints_reaches_the_frames_nor_proxies_the_library(noisy: ClientId) -> None:
    proxies = {"http_proxy": "http://127.0.0.1:1", "ALL_PROXY": "x", "No_Proxy": "x"}
    with Live(cell(client=noisy), **proxies) as engine:
        engine.start()
        engine.rest(orphaned=False)
        assert [stream.error for stream in engine.streams] == ["proxies: "] * 2
        assert sum(isinstance(frame, Edge) for frame in engine.frames) == 2


@pytest.mark.parametrize("flag", ["PYTHONMALLOC", "PYTHONDEVMODE", "PYTHONASYNCIODEBUG"])
def test_somebodys_environment_does_not_reach_the_engine(flag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(flag, "1")
    monkeypatch.setenv("KEPT", "1")
    passed_on = environment()
    assert flag not in passed_on
    assert passed_on["KEPT"] == "1"

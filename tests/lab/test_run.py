"""The context of a run: its simulator, and what Ctrl-C does to it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from loadgen.lab.run import interruptible, session
from loadgen.model import (
    Cell,
    ClientId,
    Level,
    Listener,
    Load,
    Prompt,
    Recording,
    Scenario,
    Simulator,
    Target,
    Workload,
)
from loadgen.preflight import target
from loadgen.preflight.cores import Cores
from tests import synthetic

SCENARIO = Scenario(
    name="x",
    target=Target(simulator=Simulator()),
    clients=(ClientId("floor"),),
    levels=(Level(streams=2),),
    workload=Workload(prompts=(Prompt("a"),), load=Load(requests=1)),
)


@pytest.mark.parametrize("tls", [False, True])
def test_the_first_recording_of_a_cell_has_the_log_of_its_simulator_even_if_it_had_died(
    tmp_path: Path, tls: bool
) -> None:
    """Over TLS, each cell trusts the simulator that runs then."""
    scenario = replace(SCENARIO, target=Target(simulator=Simulator(tls=tls)))
    urls: list[str] = []
    notes: list[str] = []

    class Hears(Listener):
        def note(self, text: str) -> None:
            notes.append(text)

    def two_engines(
        cell: Cell, listener: Listener, interrupted: Callable[[], bool], *_: object
    ) -> list[Recording]:
        urls.append(cell.url)
        target.check(cell)
        assert (urlsplit(cell.url).scheme, bool(cell.tls.ca)) == ("https" if tls else "http", tls)
        return [replace(synthetic.recording(index=cell.index), server=None)] * 2

    workers = nullcontext(two_engines)
    with session(scenario, Hears(), Cores((), (), ()), folder=tmp_path / "run", workers=workers) as running:
        assert running.embedded is not None
        for number in range(2):
            first, second = running.record(running.cells[0])
            assert (first.server and first.server.streams, second.server) == (0, None)
            assert urls[-1] == running.embedded.process.url
            assert len(notes) == number
            os.kill(running.embedded.process.pid, signal.SIGKILL)
    assert "it is started again" in notes[0]


def test_the_first_signal_ends_a_run_in_order_and_the_second_at_once() -> None:
    notes: list[None] = []
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with interruptible(lambda: notes.append(None)) as interrupted:
        assert not interrupted()
        os.kill(os.getpid(), signal.SIGTERM)
        assert notes == [], "not from within the handler"
        assert interrupted()
        assert interrupted()
        assert len(notes) == 1
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_another_thread_leaves_the_signals_alone() -> None:
    found: list[object] = []

    def inside() -> None:
        with interruptible(lambda: None) as interrupted:
            found.extend([interrupted(), signal.getsignal(signal.SIGINT)])

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert found == [False, before]

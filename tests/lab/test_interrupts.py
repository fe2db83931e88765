"""What Ctrl-C does to a run, without a run."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from loadgen.lab.interrupts import interruptible


def test_the_first_ends_in_order_and_the_second_at_once() -> None:
    notes: list[str] = []
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with interruptible(notes.append) as interrupted:
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
        with interruptible(lambda _: None) as interrupted:
            found.extend([interrupted(), signal.getsignal(signal.SIGINT)])

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert found == [False, before]

"""What a driver makes of its own options, in real engine processes."""

from __future__ import annotations

from dataclasses import replace

from loadgen import proc
from loadgen.model import ClientId
from tests.engine.test_process import Live, endless, open_streams, talkative

STREAMS = 12


def _virtual_kib(name: str, **options: str) -> int:
    with talkative() as server:
        wanted = replace(endless(server, name, STREAMS), client=ClientId(name, options))
        with Live(wanted) as engine:
            engine.start()
            engine.until(open_streams(STREAMS))
            return _status(engine.process.pid, "VmSize")


def _status(pid: int, field: str) -> int:
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(f"{field}:"))


def test_threads_have_the_stack_that_they_are_given() -> None:
    less = _virtual_kib("requests", stack="128KiB")
    more = _virtual_kib("requests", stack="64MiB")
    assert more - less > 0.9 * STREAMS * (64 << 10)


def test_greenlets_need_no_thread_each() -> None:
    with talkative() as server, Live(endless(server, "requests-gevent", 40)) as engine:
        engine.start()
        engine.until(open_streams(40))
        # Its own, and those that gevent resolves names in.
        assert 1 <= (proc.sample(engine.process.pid).threads or 0) <= 11

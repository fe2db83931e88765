"""One cell, recorded."""

from __future__ import annotations

import numpy as np
import pytest

from loadgen.lab import engine
from loadgen.lab.engine import is_here
from loadgen.model import ClientId, Listener, Load, Outcome, Progress, Recording, Stream
from tests.clients.conditions import CHUNKED, END, LAST, TOKEN, chunk, slowly
from tests.clients.measuring import record, rows
from tests.clients.raw import Raw
from tests.lab.cells import cell

PACED = {"Why?": slowly(CHUNKED + chunk(TOKEN), *[chunk(TOKEN)] * 4, chunk(END) + LAST)}


def check_figures(recording: Recording) -> None:
    """What must be true of every cell that ran to its end."""
    first, last = recording.edges
    assert recording.machine is not None
    assert recording.machine.window_ns == last.at - first.at > 0
    assert first.cpu_ns is not None
    assert last.cpu_ns is not None
    assert last.cpu_ns >= first.cpu_ns > 0
    assert recording.base_rss_kib is not None
    assert recording.base_threads is not None
    samples = recording.samples
    assert (samples.at[1:] > samples.at[:-1]).all()
    assert len(samples.at) > 0
    assert (samples.rss_kib > 0).all()
    assert samples.peak_rss_kib.max() >= recording.base_rss_kib
    assert (samples.cpu_ns[1:] >= samples.cpu_ns[:-1]).all()
    cpu = recording.cpu_samples
    assert len(cpu.at) > len(samples.at)
    assert (np.diff(cpu.at) > 0).all()
    assert (np.diff(cpu.cpu_ns) >= 0).all()
    assert (np.diff(cpu.run_wait_ns) >= 0).all()
    assert ((recording.streams.run_wait_ns >= 0) == (recording.mode == "threads")).all()
    (before, wall_before), (after, wall_after) = recording.clock
    assert before < recording.start < after
    assert abs((wall_after - wall_before) - (after - before)) < 50e6


@pytest.mark.parametrize(("name", "threads"), [("requests", 4), ("aiohttp", 1)])
def test_a_cell_that_counts_requests(name: str, threads: int) -> None:
    with Raw(PACED) as server:
        recording = record(cell(client=ClientId(name), url=server.url, concurrency=3, load=Load(requests=3)))
    check_figures(recording)
    found = rows(recording)
    assert [row.outcome for row in found] == [Outcome.OK] * 9
    assert recording.window == (recording.start, max(int(row.table["end"]) for row in found))
    assert recording.samples.threads.max() >= threads
    assert 1 <= recording.samples.streams_open.max() <= 3  # reported twice a second only
    assert (recording.streams.start[1:] >= recording.streams.start[:-1]).all()
    assert (recording.client, recording.max_streams, recording.same_host) == (ClientId(name), 3, True)


def test_a_cell_that_lasts_for_a_duration() -> None:
    with Raw(PACED) as server:
        recording = record(cell(url=server.url, load=Load(duration=0.5, warmup=0.2)))
    check_figures(recording)
    assert recording.ended == ""
    assert recording.window == (recording.start + 200_000_000, recording.start + 500_000_000)
    assert max(recording.streams.due) < recording.window[1] < max(recording.streams.end)
    waited = int(np.ptp(recording.cpu_samples.run_wait_ns))  # for CPU, on a busy machine
    for edge, due in zip(recording.edges, recording.window, strict=True):
        assert 0 <= edge.at - due < 100e6 + waited


def test_an_engine_that_fails_is_recorded_as_such() -> None:
    recording = engine.record(cell(protocol="nothing"), Listener(), lambda: False)
    assert recording.ended.startswith("the engine failed: LookupError")
    assert (len(recording.streams.slot), recording.edges, recording.machine) == (0, (), None)


def test_the_listener_hears_every_stream_and_how_it_goes() -> None:
    class Hears(Listener):
        def __init__(self) -> None:
            self.streams: list[Stream] = []
            self.updates: list[Progress] = []

        def ended(self, streams: object, of: object) -> None:
            self.streams += streams  # type: ignore[arg-type]

        def progress(self, progress: Progress) -> None:
            self.updates.append(progress)

    heard = Hears()
    with Raw(PACED) as server:
        engine.record(cell(url=server.url, concurrency=2, load=Load(requests=4)), heard, lambda: False)
    assert len(heard.streams) == 8
    assert heard.updates[-1].open <= 2
    assert [each.ended for each in heard.updates] == sorted(each.ended for each in heard.updates)
    assert [each.tokens for each in heard.updates] == sorted(each.tokens for each in heard.updates)
    assert heard.updates[-1].tokens > 0


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:1", True),
        ("http://127.8.9.1", True),
        ("http://localhost", True),
        ("http://192.0.2.1:80", False),
        ("http://nowhere.invalid", False),
        ("http://[2001:db8::1]:80", False),
    ],
)
def test_whether_a_server_reads_our_clock(url: str, here: bool) -> None:
    assert is_here(url) is here

"""A run whose server is watched beside it: what stays on disk, and that nothing of it ends or delays a run."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from loadgen import store
from loadgen.lab import watching
from loadgen.lab.run import session
from loadgen.model import Listener, Metrics, Recording, Run, Target
from loadgen.preflight.cores import Cores
from loadgen.preflight.requirements import Refused
from tests import synthetic
from tests.lab.test_run import SCENARIO
from tests.watch.pages import VLLM, Answer, metrics, serving


class Hears(Listener):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def ran(folder: Path, url: str, until: threading.Event | None = None) -> tuple[Run, Sequence[str]]:
    """Return a run of two cells that no engine ran, and what was noted; the first lasts ``until``."""
    began = time.perf_counter_ns(), time.time_ns()

    def record(cell: object, *_: object) -> list[Recording]:
        if until is not None:
            assert until.wait(30)
        made = synthetic.recording(index=1, client="floor", streams=4, concurrency=2)
        return [
            replace(made, start=began[0], window=(began[0], time.perf_counter_ns()), clock=(began, began))
        ]

    target = replace(SCENARIO.target, metrics=Metrics(url=url))
    hears = Hears()
    planned = replace(SCENARIO, target=target)
    with session(planned, hears, Cores((), (), ()), folder=folder, workers=nullcontext(record)) as running:
        for _ in range(2):
            running.writer.save(running.cells[0], running.record(running.cells[0]))
    assert running.writer.result.failure == ""
    return store.load(folder), hears.notes


def test_a_page_is_read_beside_the_cells_and_kept(tmp_path: Path) -> None:
    readings, enough = [], threading.Event()

    def answer(request: BaseHTTPRequestHandler) -> Answer:
        readings.append(time.perf_counter_ns())
        if len(readings) > 2:
            enough.set()
        return metrics(VLLM.replace("waiting{", f'waiting{{reading="{len(readings)}",', 1))(request)

    with serving(answer) as url:
        run, notes = ran(tmp_path / "run", url, enough)
    assert notes == []
    [source], [found] = run.info.watched, run.watched
    assert (source.name, source.url, source.failed) == ("metrics", url, 0)
    assert source.readings == len(found.readings) >= 3
    # by the clock of the engines: a reading is between its request and its answer
    for at, took, asked in zip(found.readings.at, found.readings.took_ns, readings, strict=False):
        assert at - took <= asked <= at + took
    assert {series.name for series in found.series} >= {
        "vllm:num_requests_running",
        "vllm:num_requests_waiting",
    }
    assert source.cpu_percent is not None


@pytest.mark.parametrize("page", ["html", "refuses"])
def test_a_page_that_gives_nothing_is_noted_once_and_the_run_goes_on(tmp_path: Path, page: str) -> None:
    with serving(lambda _: (200, "text/html", "<html>")) as url:
        if page == "html":
            run, notes = ran(tmp_path / "run", url)
    if page == "refuses":
        run, notes = ran(tmp_path / "run", url)
    assert len(run.recordings) == 1
    assert run.info.state == "complete"
    [note] = notes
    assert note.startswith(f"{url}: ")
    [source] = run.info.watched
    assert source.why
    assert source.why in note
    assert source.failed == source.readings
    assert run.watched == ()


def test_metrics_need_their_library_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "find_spec", lambda _: None)
    wanted = replace(
        SCENARIO, target=Target(url="http://127.0.0.1:1", metrics=Metrics(url="http://127.0.0.1:1"))
    )
    with pytest.raises(Refused, match=r"loadgen\[prometheus\]"):
        watching.require(wanted)

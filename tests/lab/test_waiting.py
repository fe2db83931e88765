"""Real streams of an open load: when they start, and how long they wait."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import loadgen
from benchmarks.waiting import measured, run, waits

CLIENTS = ["requests", "aiohttp", "floor"]


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> loadgen.Run:
    """Clients at more arrivals than are served, of which some are held back."""
    folder = tmp_path_factory.mktemp("busy")
    (folder / "busy.yaml").write_text(
        f"""
name: busy
target: {{simulator: {{ttft: 20ms, gap: 5ms, tokens: 3, parallel: 1}}}}
prompts: [p]
clients: [{", ".join(CLIENTS)}]
rate: 60
load: {{duration: 500ms, max_streams: 4}}
remeasure: 0
"""
    )
    return loadgen.run(folder / "busy.yaml", out=folder / "run")


def test_every_client_gets_the_same_arrivals(busy: loadgen.Run) -> None:
    of = {}
    for recording in busy.recordings:
        order = np.argsort(recording.streams.slot)
        due = (recording.streams.due - recording.start)[order]
        of[recording.client.name] = dict(
            zip(recording.streams.slot[order].tolist(), due.tolist(), strict=True)
        )
    assert set(of) == set(CLIENTS)
    for number in set.intersection(*(set(each) for each in of.values())):
        assert len({each[number] for each in of.values()}) == 1
    assert all(len(due) + r.not_started == 30 for due, r in zip(of.values(), busy.recordings, strict=True))


def test_from_the_schedule_is_from_the_start_and_the_two_waits_before_it(busy: loadgen.Run) -> None:
    streams = busy.streams()
    before = streams["held_ms"] + streams["start_delay_ms"]
    for name in ("ttft", "total"):
        assert np.allclose(streams[f"{name}_corrected_ms"] - streams[f"{name}_ms"], before, atol=1e-6)
    assert np.allclose(streams["start_ms"] - streams["due_ms"], before, atol=1e-6)
    assert (streams["held_ms"] > 0).any()
    assert (streams["start_delay_ms"] >= 0).all()


def test_an_open_load_waits_for_all_that_are_before_it_and_a_closed_loop_for_one(tmp_path: Path) -> None:
    """A slow machine only adds: no wait is less than what the server's own times make it (Lindley).

    That a good machine adds nothing, and theory holds, is measured by benchmarks/waiting.py.
    """
    given = {"service": "25ms", "clients": "floor", "seed": 57}
    (recording,) = run(tmp_path, "rate: 48", duration="1.5s", **given).recordings  # of 40 that can be served
    due, waited, service = measured(recording)
    assert waited.mean() > 0.9 * waits(due, service).mean() > 4 * service.mean()
    (recording,) = run(tmp_path, "concurrency: 2", duration="500ms", **given).recordings
    _, closed, _ = measured(recording)
    assert closed.mean() < waited.mean()

"""What is made of the server's own metrics, on readings whose values are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadgen import analysis
from loadgen.analysis import watched
from loadgen.analysis.server_changes import findings as changes_of
from loadgen.api import Run
from loadgen.findings import findings
from loadgen.model import (
    ChangeTable,
    ReadingTable,
    Series,
    ServerInfo,
    Source,
    UnwatchedFinding,
    Waiting,
    Watched,
    WatchedFinding,
)  # fmt: skip
from tests import synthetic

SECOND = 10**9


def seen(values: dict[str, list[float]], kind: str = "gauge", begin: int = synthetic.ZERO) -> Watched:
    """Return readings at whole seconds; a name may have labels: ``x{gpu=1}``."""
    count = max(map(len, values.values()))
    series, rows = [], []
    for place, (name, column) in enumerate(values.items()):
        plain, _, labels = name.partition("{")
        label = dict([labels.rstrip("}").split("=")]) if labels else {}
        series.append(Series(name=plain, labels=label, kind=kind, source="metrics"))
        rows += [(reading, place, value) for reading, value in enumerate(column)]
    rows.sort(key=lambda row: row[0])
    reading, of, value = zip(*rows, strict=True)
    return Watched(
        clock=(synthetic.ZERO, synthetic.EPOCH),
        sources=("metrics",),
        series=tuple(series),
        readings=ReadingTable(
            at=begin + SECOND * np.arange(count),
            took_ns=np.full(count, 1000),
            source=np.zeros(count, dtype=np.int8),
        ),
        changes=ChangeTable(
            reading=np.array(reading), series=np.array(of), value=np.array(value, dtype=float)
        ),
    )


def line(of: Watched, key: str, *names: str) -> list[float]:
    [found] = [each for each in watched.lines([of], names) if each.key == key]
    return found.pieces[0].value.tolist()


@pytest.mark.parametrize("server", [0, 1, 2, 3])
def test_the_figures_of_known_servers_are_recognised(server: int) -> None:
    names = [known.names[server] for known in watched.KNOWN[:2]]
    found = watched.lines([seen({name: [1.0] for name in names})])
    assert [each.key for each in found] == ["running", "waiting"]


def test_several_series_are_added_and_of_the_cache_the_fullest_counts() -> None:
    of = seen({
        "vllm:num_requests_running{engine=0}": [1, 2], "vllm:num_requests_running{engine=1}": [10, np.nan],
        "vllm:kv_cache_usage_perc{engine=0}": [0.5, 0.25], "vllm:kv_cache_usage_perc{engine=1}": [0.1, 1.0],
    })  # fmt: skip
    assert line(of, "running") == [11, 2]
    assert line(of, "cache") == [50, 100]


def test_a_counter_that_is_asked_for_is_a_rate_and_leaves_out_where_it_was_reset() -> None:
    of = seen({"preemptions_total": [5, 7, 1, 4]}, kind="counter")
    assert line(of, "preemptions", "preemptions") == [2, 3]
    assert not watched.lines([of])


def test_values_that_are_no_numbers_are_left_out() -> None:
    assert line(seen({"vllm:num_requests_running": [np.inf, 3]}), "running") == [3]


def run(tmp_path: Path, of: list[Watched], **info: Any) -> Run:
    recording = synthetic.recording(streams=40, concurrency=4, ttft_ms=1000, gap_ms=100, tokens=10)
    made = synthetic.run(tmp_path, [recording], **info)
    return Run(folder=made.folder, info=made.info, recordings=made.recordings, watched=tuple(of))


@pytest.mark.parametrize(
    ("running", "waiting", "verdict"), [(2, 2, "agrees"), (2, 9, "others"), (1, 0, "elsewhere")]
)
def test_the_servers_requests_are_compared_with_the_streams_in_flight(
    tmp_path: Path, running: float, waiting: float, verdict: str
) -> None:
    of = seen({"llamacpp:requests_processing": [running] * 30, "llamacpp:requests_deferred": [waiting] * 30})
    whole = run(tmp_path, [of])
    summaries = analysis.summarise(whole)
    [found] = [each for each in findings(whole, summaries) if isinstance(each, WatchedFinding)]
    assert (found.verdict, found.running, found.waiting) == (verdict, running, waiting)
    assert found.in_flight == pytest.approx(4, abs=0.3)
    [answer] = [each for each in findings(whole, summaries) if isinstance(each, Waiting)]
    assert (answer.running, answer.waiting) == (running, waiting)


def test_a_resumed_run_has_readings_of_two_clocks_and_each_cell_finds_its_own(tmp_path: Path) -> None:
    before = seen({"tgi_queue_size": [99] * 10}, begin=synthetic.ZERO - 3000 * SECOND)
    own = seen({"tgi_queue_size": [1] * 30})
    whole = run(tmp_path, [before, own])
    [found] = watched.lines(whole.watched)
    assert set(watched.of_recording(found, whole.recordings[0])[1]) == {1}


def test_a_worker_on_another_clock_is_placed_by_the_time_of_day(tmp_path: Path) -> None:
    whole = run(tmp_path, [seen({"tgi_queue_size": [*range(30)]})])
    [found] = watched.lines(whole.watched)
    for part in synthetic.split(whole.recordings[0]):
        at, value = watched.of_recording(found, part)
        assert at.tolist() == pytest.approx(value.tolist(), abs=0.001)


def test_a_source_that_failed_is_a_finding(tmp_path: Path) -> None:
    source = Source(
        file="watched.npz", name="metrics", url="http://x/metrics", readings=3, failed=3, why="refused"
    )
    whole = run(tmp_path, [], watched=(source,))
    [found] = [each for each in findings(whole, []) if isinstance(each, UnwatchedFinding)]
    assert (found.verdict, found.why) == ("nothing", "refused")


SERVER = ServerInfo(name="Ollama", version="1", digest="a", context=4096, size_bytes=100, vram_bytes=100)


@pytest.mark.parametrize(
    ("after", "what"),
    [
        ({}, []),
        ({"version": "2"}, ["version"]),
        ({"size_bytes": None, "vram_bytes": None}, ["unloaded"]),
        ({"vram_bytes": 0}, ["processor"]),
        ({"context": 2048, "digest": "b"}, ["digest", "context"]),
        (None, ["silent"]),
    ],
)
def test_a_server_that_changed_is_a_finding(
    tmp_path: Path, after: dict[str, Any] | None, what: list[str]
) -> None:
    from dataclasses import replace

    said = ServerInfo() if after is None else replace(SERVER, **after)
    whole = run(tmp_path, [], server=SERVER, server_after=said)
    assert [each.what for of in changes_of(whole, []) for each in of.changes] == what


def test_a_server_that_was_started_again_is_a_finding(tmp_path: Path) -> None:
    own = run(tmp_path, [seen({"process_start_time_seconds": [100, 100, 160]})])
    assert [each.what for of in changes_of(own, []) for each in of.changes] == ["restarted"]
    seen_here = run(tmp_path, [], server=SERVER, server_after=SERVER, server_restarted=True)
    assert [each.what for of in changes_of(seen_here, []) for each in of.changes] == ["restarted"]
    assert changes_of(run(tmp_path, [], server=SERVER), []) == []


@pytest.mark.parametrize(
    ("running", "waiting", "verdict"), [(4, 6, "agrees"), (1, 9, "contradicts"), (4, 0, "")]
)
def test_where_requests_wait_as_many_run_as_the_times_say_are_served_at_once(
    tmp_path: Path, running: float, waiting: float, verdict: str
) -> None:
    of = seen({"llamacpp:requests_processing": [running] * 30, "llamacpp:requests_deferred": [waiting] * 30})
    whole = run(tmp_path, [of])
    [answer] = [each for each in findings(whole, analysis.summarise(whole)) if isinstance(each, Waiting)]
    assert (answer.served, answer.verdict) == (4, verdict)


def test_gpus_that_were_throttled_are_named_with_the_share_of_the_readings(tmp_path: Path) -> None:
    of = seen({
        "nvidia_throttled_power_cap{gpu=0}": [1, 0] * 15, "nvidia_throttled_temperature{gpu=0}": [0] * 30,
        "nvidia_utilization_percent{gpu=0}": [40] * 30, "nvidia_utilization_percent{gpu=1}": [60] * 30,
    })  # fmt: skip
    assert line(of, "gpu") == [50] * 30
    whole = run(tmp_path, [of])
    [found] = [
        each for each in findings(whole, analysis.summarise(whole)) if isinstance(each, WatchedFinding)
    ]
    assert found.throttled == {"power_cap": pytest.approx(0.5, abs=0.1)}
    assert found.verdict == ""

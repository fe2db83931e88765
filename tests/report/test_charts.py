"""What the charts over time draw, where one process drove a cell and where several did."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from loadgen.analysis.repeats import repeats_of
from loadgen.report.charts.timeline import timeline
from loadgen.report.charts.usage import POINTS, usage
from loadgen.report.client_style import client_styles
from loadgen.report.sections.timeline import Timeline
from tests.synthetic import ZERO, client_id, recording, split

STYLES = client_styles({client_id("aiohttp"): "tasks"})
MADE = {"concurrency": 20, "streams": 60, "tokens": 20, "jitter": 0.4, "ramp_ms": 500}


def lines(recordings):
    """Title -> the lines drawn, each as two arrays."""
    return {
        chart.title: [
            (renderer.data_source.data["x"], renderer.data_source.data["y"])
            for renderer in chart.figure.renderers
        ]
        for chart in usage(list(repeats_of(recordings)), STYLES)
    }


def with_streams(made, intervals):
    """The recording as it were with streams of these beginnings and ends, in seconds after its start."""
    rows = np.arange(len(intervals))
    begin, end = (np.array(side) * 1_000_000_000 + ZERO for side in zip(*intervals, strict=True))
    return replace(
        made, streams=replace(made.streams.rows(rows), start=begin.astype(np.int64), end=end.astype(np.int64))
    )


def test_workers_of_a_cell_are_one_line_that_is_their_sum():
    whole = recording(**MADE)
    one, shared = lines([whole]), lines(split(whole, 3))
    assert list(one) == list(shared) == ["Streams open", "Memory (RSS)", "Threads", "CPU"]
    for title in one:
        ((x, y),), ((at, total),) = one[title], shared[title]
        assert at == pytest.approx(x)
        assert total == pytest.approx(y, rel=1e-3, abs=0.05), title


def test_repeats_and_clients_are_lines_of_their_own():
    parts = [part for repeat in range(2) for part in split(recording(repeat=repeat, index=repeat, **MADE))]
    assert {title: len(drawn) for title, drawn in lines(parts).items()} == {
        "Streams open": 2,
        "Memory (RSS)": 2,
        "Threads": 2,
        "CPU": 2,
    }


def test_a_lost_worker_uses_nothing_any_more():
    one, two = split(recording(**MADE | {"rss_per_stream_kib": 0.0}))
    early = two.samples.at < two.start + 1_000_000_000
    two = replace(two, samples=two.samples.rows(early))
    ((at, mib),) = lines([one, two])["Memory (RSS)"]
    assert mib[at < 0.9] == pytest.approx(40_000 / 1024)
    assert mib[at > 2.1] == pytest.approx(20_000 / 1024)


def test_a_ramp_is_drawn_as_it_was_and_no_spike_is_lost():
    steady = [(second, 100.0 - second) for second in range(10)]  # ten up in ten seconds, and down again
    spike = [(50.0, 50.001)] * 30
    made = with_streams(recording(), [*steady, *spike])
    ((at, number),) = lines([made])["Streams open"]
    assert len(at) == POINTS
    assert number.max() == 40
    assert (number > 10).sum() == 1
    assert np.interp([0.9, 4.9, 30, 70, 95.1], at, number) == pytest.approx([1, 5, 10, 10, 5], abs=1.01)
    assert number[-1] == 0


def test_the_next_stream_of_a_slot_is_no_second_one():
    made = with_streams(recording(), [(n * 0.5, n * 0.5 + 0.5) for n in range(100)])
    ((_, number),) = lines([made])["Streams open"]
    assert set(number[:-1]) == {1}


def test_the_timeline_of_several_workers_is_that_of_one():
    whole = recording(**MADE, outcomes={"reset": 2})
    one, shared = (timeline(list(repeats_of(cells)), STYLES) for cells in ([whole], split(whole, 4)))
    assert shared.caption == one.caption
    ((drawn,), (other,)) = one.charts, shared.charts
    assert other.alternative == drawn.alternative
    for mine, theirs in zip(other.figure.renderers, drawn.figure.renderers, strict=True):
        for name, column in theirs.data_source.data.items():
            assert list(mine.data_source.data[name]) == list(column)


def test_the_timeline_of_bytes_speaks_of_reads_alone():
    made = recording(**MADE)
    of = replace(made, workload=replace(made.workload, protocol="bytes"))
    shown = timeline(list(repeats_of([of])), STYLES)
    (chart,) = shown.charts
    assert " rows of reads from " in chart.alternative
    assert "token" not in shown.caption + chart.alternative + Timeline.title


def test_nothing_was_recorded():
    made = with_streams(recording(), [(0, 1)])
    empty = replace(made, streams=made.streams.rows(slice(0)), samples=made.samples.rows(slice(0)))
    assert usage(list(repeats_of([empty])), STYLES) == []
    assert timeline(list(repeats_of([empty])), STYLES).charts == ()

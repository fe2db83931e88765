"""The charts of latency, cost, late tokens and failures: what they draw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from loadgen.model import (
    Cause,
    Delay,
    DelayFinding,
    Estimate,
    Level,
    Limit,
    Part,
    Saturates,
    ThresholdFinding,
    TimeFinding,
)
from loadgen.report.charts.failures import failures
from loadgen.report.charts.scaling import pair
from loadgen.report.charts.stacks import late_tokens, times
from loadgen.report.sentences import sentences
from tests.report.runs import failed_run, run_of, view
from tests.synthetic import ZERO, client_id, recording

AIOHTTP = client_id("aiohttp")
P50 = ThresholdFinding(
    verdict="held", text="ttft_p50_ms < 500", metric="ttft_p50_ms", unit="ms", op="<", value=500.0, results=()
)
KNEE = Saturates(
    client=AIOHTTP, level=Level(streams=20), below=Level(streams=1), limit=Limit.CLIENT,
    tokens_per_s=Estimate(1.0), ratio=Estimate(1.0),
)  # fmt: skip


@pytest.fixture(scope="module")
def sweep():
    return view(run_of("/nowhere"))


def drawn(chart, *names):
    """Return the data of the glyphs that have all these columns."""
    data = [renderer.data_source.data for renderer in chart.figure.renderers]
    return [each for each in data if set(names) <= set(each)]


def test_latency_stands_beside_cost(sweep):
    assert [chart.title for chart in pair(sweep)] == ["TTFT p50", "Peak memory", "Tokens/s", "CPU"]
    one = pair(view(run_of("/nowhere", (5,))))
    assert [chart.title for chart in one] == ["TTFT", "Memory per stream", "Tokens/s", "CPU per token"]


def test_the_latency_is_that_of_the_threshold_with_its_line(sweep):
    latency = pair(replace(sweep, findings=[P50]))[0]
    assert latency.title == "TTFT p50"
    assert [line["y"] for line in drawn(latency, "x0", "x1", "y")] == [[500.0]]
    assert latency.figure.y_range.end >= 500


def test_the_knee_is_where_more_streams_began_to_bring_hardly_more(sweep):
    for chart in pair(replace(sweep, findings=[KNEE]))[::2]:
        labels = drawn(chart, "low", "high", "text")
        assert {(*data["x"], *data["text"]) for data in labels} == {(1, "client’s limit")}


def late(share, **causes):
    delays = tuple(
        Delay(cause=Cause(c), share=s, delay_share=s, median_ms=4, max_ms=9) for c, s in causes.items()
    )
    return DelayFinding(
        client=AIOHTTP, level=Level(streams=20), late=round(1000 * share), tokens=1000, budget_ms=3, delays=delays
    )  # fmt: skip


@pytest.mark.parametrize(("share", "axis"), [(0.002, 5.0), (0.4, 40.0)])
def test_bars_of_late_tokens_are_shares_of_all_tokens(sweep, share, axis):
    chart = late_tokens(sweep, [late(share, gc=0.75, cpu=0.25)])
    bars = sorted((b["left"][0], b["right"][0]) for b in drawn(chart, "left", "right"))
    assert bars == [(0, pytest.approx(75 * share)), (pytest.approx(75 * share), pytest.approx(100 * share))]
    assert chart.figure.x_range.end == pytest.approx(axis, rel=0.1)


TIME = TimeFinding(
    client=AIOHTTP, level=Level(streams=20), streams=9, contradicted=0, slowest=None,
    mean={Part.SEND: 1.0, Part.FIRST_DECODE: 80.0, Part.RECEIVE: 2.0, Part.DECODE: 500.0},
)  # fmt: skip


def test_the_bars_of_parts_end_at_the_ttft_and_at_the_total(sweep):
    ends = [max(b["right"][0] for b in drawn(c, "left", "right")) for c in times(sweep, [TIME]) if c]
    assert ends == [83, 583]


def test_the_parts_are_told_in_words_too():
    assert sentences(TIME).statement == (
        "aiohttp at 20 streams: TTFT 83.0 ms = 1.00 client: to send + 80.0 first decode + 2.00 client: to receive"
    )
    (told,) = sentences(replace(TIME, contradicted=4)).details
    assert "4 streams" in told


def test_parts_have_a_palette_that_is_not_the_clients(sweep):
    charts = [late_tokens(sweep, [late(0.1, gc=1.0)]), *filter(None, times(sweep, [TIME]))]
    assert len(charts) == 3
    used = {variable for chart in charts for _, variable in chart.key}
    assert used == {"--gc", "--send", "--first-decode", "--receive", "--decode"}
    assert not used & {style.variable for style in sweep.styles.values()}


def test_failures_stand_when_they_happened():
    one = recording(client="aiohttp", concurrency=2, streams=8, outcomes={"reset": 2}, index=0)
    (mono, wall), after = one.clock
    other = replace(one, repeat=1, index=1, clock=((mono, wall + 60_000_000_000), after))
    of = view(replace(failed_run("/nowhere"), recordings=(one, other)))
    chart = failures(of.run.recordings, of.styles)
    (cells,), (crosses,) = drawn(chart, "left", "right"), drawn(chart, "x", "y")
    assert list(cells["left"]) == [0, 60]
    ends = (one.streams.end[-2:] - ZERO) / 1e9
    assert crosses["x"] == pytest.approx([*ends, *(ends + 60)])


def test_without_failures_there_is_no_chart_of_them(sweep):
    assert failures(sweep.run.recordings, sweep.styles) is None
    stopped = recording(client="aiohttp", concurrency=2, streams=8, outcomes={"stopped": 2})
    assert failures([stopped], view(failed_run("/nowhere")).styles) is None
    assert np.count_nonzero(stopped.streams.outcome == "stopped") == 2

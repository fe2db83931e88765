"""Reports of open loads: which figures, charts and sections they have."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from loadgen import analysis
from loadgen.analysis.metrics import column
from loadgen.findings import findings
from loadgen.model import Cell, Level
from loadgen.model.progress import Progress
from loadgen.report.bar import Bar
from loadgen.report.charts import scaling
from loadgen.report.document import html
from loadgen.report.frames import streams_frame, summary_frame
from loadgen.report.sections.claims import Claims
from loadgen.report.view import View
from tests.lab.cells import cell
from tests.synthetic import open_load, recording, run


@pytest.fixture(scope="module")
def view() -> View:
    places = [
        (client, rate, n) for client in ("requests", "aiohttp") for rate in (10.0, 32.0) for n in range(3)
    ]
    made = [
        open_load(rate, max_streams=20, client=client, repeat=n, index=i)
        for i, (client, rate, n) in enumerate(places)
    ]
    of = run(".", made)
    summaries = analysis.summarise(of)
    return View(of, summaries, findings(of, summaries))


def test_both_latencies_are_in_one_chart(view: View) -> None:
    titles = [chart.title for chart in scaling.latencies(view.summaries, view.styles)]
    assert sum(title.startswith("TTFT") for title in titles) == 2
    (chart,) = (
        c
        for c in scaling.latencies(view.summaries, view.styles)
        if c.title.startswith("TTFT from the schedule p50")
    )
    for client in ("aiohttp", "requests"):
        assert f"{client}: " in chart.alternative
        assert f"{client} from the start: " in chart.alternative
    assert "arrivals per second" in chart.alternative


def test_at_one_rate_they_are_beside_one_another(view: View) -> None:
    one = [s for s in view.summaries if s.level == Level(rate=10.0)]
    titles = [chart.title for chart in scaling.latencies(one, view.styles)]
    place = next(n for n, title in enumerate(titles) if title.startswith("TTFT from the schedule"))
    assert titles[place + 1].startswith("TTFT, p50")


def test_what_is_about_closed_loops_is_left_out(view: View) -> None:
    assert list(Claims().blocks(view, "html")) == []
    page = html(view)
    assert "32 per second" in page
    assert "streams at once" not in page


def test_the_columns_of_the_files(view: View) -> None:
    summary = summary_frame(view.summaries)
    assert summary["rate"].tolist() == [10.0, 32.0] * 2
    assert summary["concurrency"].isna().all()
    assert summary["ttft_corrected_p95_ms"].notna().all()
    closed = summary_frame(analysis.summarise(run(".", [recording()])))
    assert closed["rate"].isna().all()
    streams = streams_frame(view.run)
    assert set(streams["rate"]) == {10.0, 32.0}
    assert column("offered_per_s").metric.needs == "rate"


def test_the_bar_says_how_many_are_in_flight_and_were_held_back() -> None:
    now: Cell = cell(level=Level(rate=20.0))
    screen = io.StringIO()
    bar = Bar(Console(file=screen, force_terminal=True, width=100), figures=True)
    bar.begin([now], [1.0])
    bar.cell_begins(now)
    bar.progress(Progress(elapsed=1.0, open=37, tokens=10, ended=0, failed=0))
    bar.end()
    assert "37 in flight" in bar._text.plain
    assert "0 held back" in bar._text.plain

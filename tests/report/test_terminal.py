import pytest
from rich.cells import cell_len

from loadgen.model import Cause, ClientId, Delay, DelayFinding, Level
from loadgen.report.sections.delivery_lag import DeliveryLag
from loadgen.report.sections.metrics import Metrics
from loadgen.report.view import View
from tests.report.runs import hostile_run, repeated_run, run_of, section, shown, view


@pytest.fixture(scope="module")
def sweep():
    return view(run_of("/nowhere", (1, 10)))


@pytest.mark.parametrize("width", [60, 80, 100, 140, 220])
def test_the_table_fits_and_breaks_no_row(sweep, width):
    summaries = sweep.summaries
    lines = section(sweep, Metrics(), width).splitlines()
    assert max(map(cell_len, lines)) <= width
    starts = [
        line.split()[0]
        for line in lines
        if line.startswith("  ") and line.split()[0] in {s.client.label for s in summaries}
    ]
    assert starts == [s.client.label for s in sorted(summaries, key=lambda s: s.level)]
    assert "…" not in "".join(lines)


def test_wider_consoles_get_more_columns(sweep):
    heads = [section(sweep, Metrics(), width).splitlines()[1].split() for width in (80, 100, 140)]
    assert {"client", "errors", "p50", "p99", "validity"} <= set(heads[0])
    assert "threads" in heads[1]
    assert [len(head) for head in heads] == sorted({len(head) for head in heads})


def test_low_sample_and_missing_values_are_marked(sweep):
    row = next(line for line in section(sweep, Metrics()).splitlines() if line.startswith("  requests"))
    assert "~" in row
    assert "–" in row


def test_no_colour_when_piped_and_ascii_where_requested(sweep):
    assert "\x1b" not in shown(sweep)
    assert shown(sweep, encoding="ascii").isascii()


def test_a_terminal_gets_colour(sweep):
    assert "\x1b[" in shown(sweep, colour=True)


def test_text_from_outside_cannot_steer_the_terminal():
    hostile = view(hostile_run("/nowhere"))
    for encoding in ("utf-8", "ascii"):
        text = shown(hostile, 300, encoding)
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert any(f.kind == "validity" for f in hostile.findings)


def test_delivery_lag_is_a_row_for_each_cell_with_the_columns_that_fit():
    shares = ((Cause.SERVER, 0.667), (Cause.GC, 0.333), (Cause.UNEXPLAINED, 0.0001))
    delays = [
        Delay(cause=cause, share=share, delay_share=share, median_ms=5.0, max_ms=9.0)
        for cause, share in shares
    ]
    found = [
        DelayFinding(
            client=ClientId(client),
            level=Level(streams=1000),
            late=51,
            tokens=10_000,
            budget_ms=3.0,
            delays=tuple(delays[:number]),
        )
        for client, number in (("aiohttp", 3), ("httpx-sync", 1))
    ]
    found = View(run_of("/nowhere", ()), [], found)
    head, one, other, *note = section(found, DeliveryLag(), 80).rstrip().splitlines()
    assert head.split() == ["late", "server", "GC", "unexplained"]
    assert one.split() == ["aiohttp", "at", "1,000", "streams", "0.5", "%", "67", "%", "33", "%", "<0.1", "%"]
    assert other.split() == ["httpx-sync", "at", "1,000", "streams", "0.5", "%", "67", "%"]
    assert "3 ms" in " ".join(note)
    assert "aiohttp at 1,000 streams     0.5 %" in section(found, DeliveryLag(), 40)


@pytest.mark.parametrize("width", [80, 110])
def test_findings_fit_the_console_and_a_few_dozen_lines(width):
    repeated = view(repeated_run("/nowhere"))
    lines = shown(repeated, width).splitlines()
    assert max(map(cell_len, lines)) <= width
    assert len(lines) < 130


def test_nothing_measured():
    assert "Nothing was measured" in shown(View(run_of("/nowhere", ()), [], []))

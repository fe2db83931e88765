"""The last screen of a command: what it says first, and that it fits."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from loadgen.model import Level, Run, Threshold
from loadgen.report.document import summary
from loadgen.report.language import language
from loadgen.report.renderers import terminal
from loadgen.report.renderers.terminal import FOOTER_LINES, SUMMARY_LINES, SUMMARY_ROWS
from loadgen.report.view import View
from tests import synthetic
from tests.report.runs import CLIENTS, hostile_run, shared_run, view

SEVEN = (
    *CLIENTS, ("aiohttp loop=uvloop", "tasks"), ("httpx-async http2=true", "tasks"), ("urllib3", "threads"),
)  # fmt: skip
THRESHOLDS = (
    Threshold(text="errors < 1%", metric="errors", op="<", value=1),
    Threshold(text="ttft_p95_ms < 250", metric="ttft_p95_ms", op="<", value=250),
)


def run_of(clients=CLIENTS, levels=(20,), rounds=3, thresholds=THRESHOLDS, **figures) -> Run:
    """Return a run in which clients on threads need more memory, and threads."""
    cells = [
        synthetic.recording(
            client=client, mode=mode, concurrency=n, repeat=repeat, index=repeat * 100 + place, streams=max(40, 2 * n),
            tokens=10, jitter=0.05, seed=repeat * 100 + place, ramp_ms=200,
            rss_per_stream_kib=20.0 + place + 40 * (mode == "threads"), **figures,
        )
        for repeat in range(rounds)
        for place, (n, client, mode) in enumerate((n, *client) for n in levels for client in clients)
    ]  # fmt: skip
    return synthetic.run("/nowhere", cells, name="made-up", thresholds=thresholds)


def shown(of: View, width: int = 80, encoding: str = "utf-8", terminal_: bool = False) -> list[str]:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    console = Console(file=file, width=width, force_terminal=terminal_, no_color=True, highlight=False)
    console.print(terminal.summary(summary(of)))
    file.flush()
    return re.sub(r"\x1b\[[0-9;]*m", "", raw.getvalue().decode(encoding)).splitlines()


def rows(lines: list[str], labels) -> list[str]:
    return [line for line in lines if any(line.startswith(f"  {label}  ") for label in labels)]


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("clients", range(1, 8))
def test_one_level_fits_a_screen_and_cuts_nothing(clients, width):
    made = view(run_of(SEVEN[:clients]))
    lines = shown(made, width)
    labels = [client for client, _ in SEVEN[:clients]]
    assert len(lines) + FOOTER_LINES <= SUMMARY_LINES
    assert max(map(cell_len, lines)) <= width
    assert not any(line != line.rstrip() for line in lines)
    assert len(rows(lines, labels)) == clients
    assert "…" not in "".join(lines)
    assert {"✓", "✗"} <= set("".join(lines))


@pytest.mark.parametrize("clients", [1, 4])
def test_a_further_level_adds_its_rows(clients):
    levels = (1, 5, 10, 20)
    lines = shown(view(run_of(SEVEN[:clients], levels)))
    assert len(lines) + FOOTER_LINES <= SUMMARY_LINES + max(0, len(levels) * (clients + 1) - SUMMARY_ROWS)
    labels = [str(Level(streams=n)) for n in levels] if clients == 1 else [client for client, _ in CLIENTS]
    assert len(rows([re.sub("^    ", "  ", line) for line in lines], labels)) >= clients * len(levels)


def test_a_pipe_gets_the_same_text():
    made = view(run_of())
    assert shown(made) == shown(made, terminal_=True)


def test_percentages_are_spelled_one_way_and_ascii_is_enough():
    text = "\n".join(shown(view(run_of(outcomes={"http_status": 3}))))
    assert re.search(r"\d %", text)
    assert not re.search(r"\d%", text)
    ascii_only = "\n".join(shown(view(run_of()), encoding="ascii"))
    assert ascii_only.isascii()
    assert "\\" not in ascii_only


def test_the_answer_is_first_and_the_figures_follow():
    title, blank, answer, *rest = shown(view(run_of()))
    assert "made-up" in title
    assert "4 clients × 20 streams × 3 rounds" in title
    assert not blank
    assert answer.startswith("  At 20 streams all four clients")
    text = " ".join(map(str.strip, [answer, *rest]))
    assert re.search(r"needs 1 thread and [\d.]+ KiB per stream, \S+ 21 threads and", text)
    order = [text.index(word) for word in ("They differ in cost", "TTFT (ms)", "✓", "Confidence")]
    assert order == sorted(order)


def test_failures_are_first():
    outcomes = {"http_status": 5, "reset": 2}
    lines = shown(view(run_of(CLIENTS[:1], rounds=2, outcomes=outcomes)))
    assert lines[2].startswith("  14 of 80 streams failed: 10 × HTTP 503: it ended as http_status; 4 ×")


def test_one_client_and_one_round_need_more_rounds():
    assert "--repeats 3" in "".join(shown(view(run_of(SEVEN[:1], rounds=1))))
    lines = shown(view(run_of(SEVEN[:1])))
    assert "±" in lines[2]


def test_the_levels_of_one_client_are_named_in_the_language():
    with language("zh"):
        lines = shown(view(run_of(SEVEN[:1], levels=(1, 20))))
    assert len(rows(lines, ("1 路流", "20 路流"))) == 2


def test_nothing_measured():
    text = "\n".join(shown(View(run_of(), [], [])))
    assert "Nothing was measured" in text


def test_where_all_streams_failed_there_is_no_confidence():
    lines = shown(view(run_of(SEVEN[:1], rounds=1, outcomes={"refused": 40})))
    assert lines[2] == "  40 of 40 streams failed: 40 × connection refused."
    assert "Confidence" not in "".join(lines)


def test_an_interrupted_run_says_so_and_how_much_it_measured():
    whole = run_of(rounds=2)
    cut = replace(whole, recordings=whole.recordings[:5], info=replace(whole.info, state="interrupted"))
    lines = shown(view(cut))
    assert "5 of 8" in "".join(lines)
    assert len(lines) + FOOTER_LINES <= SUMMARY_LINES


def test_a_run_with_workers_and_a_hostile_one_fit():
    for made in (shared_run("/nowhere"), hostile_run("/nowhere")):
        lines = shown(view(made))
        assert max(map(cell_len, lines)) <= 80
        assert not any(line != line.rstrip() for line in lines)

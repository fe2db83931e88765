"""The result of a search: its answer in words, the last screen, the page."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from rich.console import Console

from loadgen.capacity.curves import Crossing, Limit, crossings
from loadgen.capacity.document import page, summary
from loadgen.capacity.measure import SearchResult
from loadgen.capacity.readings import Budget, Obstacle, Reading, ServerCore
from loadgen.capacity.search import Capacity, Rules
from loadgen.capacity.sentences import answer, carries, crossing, describe, reason, stopped
from loadgen.model import ClientId, Level
from loadgen.report.blocks import Charts, Table
from loadgen.report.renderers import html, terminal
from tests import synthetic
from tests.capacity.searching import Curve, cliff, gentle, queue, searched, steep
from tests.report.runs import HOSTILE
from tests.report.test_html import Page

AIOHTTP, REQUESTS, HTTPX = (ClientId(name) for name in ("aiohttp", "requests", "httpx-async"))
BUDGET = Budget(lag_p99_ms=10.0, errors=0.01, ttft=None)
LATE = Obstacle(kind="late", late_p99_ms=60.0)


def one(**changes: Any) -> Capacity:
    plain: dict[str, Any] = {
        "client": AIOHTTP, "limit": None, "at_least": None, "below": None, "stopped": "budget", "tried": None,
        "cells": 12,
    }  # fmt: skip
    return Capacity(**plain | changes)


def found(clients: Sequence[Capacity], steps: Sequence[Reading] = (), **changes: Any) -> SearchResult:
    """Return the result of a search on the simulator."""
    recordings = [synthetic.recording(client=each.client.label, streams=1) for each in clients]
    plain: dict[str, Any] = {
        "folder": Path("run"), "interrupted": False, "failure": "", "info": synthetic.run("run", recordings).info,
        "goal": BUDGET, "cores": 1, "rules": Rules(start=64, highest=8000), "ttft_one_stream_ms": {},
        "clients": clients, "crossings": (), "steps": steps,
    }  # fmt: skip
    return SearchResult(**plain | changes)


def whole(**limits: tuple[Curve, float]) -> SearchResult:
    """Return the result of a search of clients with these curves and limits."""
    searches = []
    for seed, (name, (curve, limit)) in enumerate(limits.items()):
        client, one = ClientId(name.replace("_", "-")), searched(curve, limit, 0.15, seed)
        one.client = client
        one.readings = [
            replace(
                r, client=client, cell=n, lag_p99_ms=10 * (r.use or 0), errors=0.0, live_peak=r.level.streams
            )
            for n, r in enumerate(one.readings)
        ]
        searches.append(one)
    steps = [reading for one in searches for reading in one.readings]
    curves = crossings({one.client: one.readings for one in searches})
    return found([one.result() for one in searches], steps, crossings=curves)


FOUR: dict[str, tuple[Curve, float]] = {
    "aiohttp": (queue, 1900), "requests": (gentle, 410), "httpx_async": (steep, 640), "httpx_sync": (cliff, 380),
}  # fmt: skip


def printed(of: SearchResult, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(terminal.summary(summary(of)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_the_answer_begins_with_who_carries_most_and_ends_the_limits_with_the_factor() -> None:
    sentences = answer(whole(requests=(gentle, 400), aiohttp=(queue, 1900)))
    assert re.match(r"On one core, within the budget, aiohttp carries [\d,]+ streams \(", sentences[0])
    assert "times as many as requests" in sentences[1]


def test_clients_that_cannot_be_told_apart_are_not_ranked() -> None:
    two = [one(limit=Limit(800, 700, 900)), one(client=REQUESTS, limit=Limit(760, 650, 860))]
    assert any("not clear" in text for text in answer(found(two)))


def test_a_bound_above_an_interval_is_a_factor_too() -> None:
    two = [
        one(client=REQUESTS, limit=Limit(100, 90, 110), half=Limit(105, 95, 115), bound="lag_p99"),
        one(at_least=512, stopped="simulator"),
    ]
    assert any("5.12 times" in text for text in answer(found(two)))


@pytest.mark.parametrize("width", [80, 120])
def test_the_last_screen_fits_and_begins_with_the_answer(width: int) -> None:
    lines = printed(whole(**FOUR), width)
    assert len(lines) <= 22  # two more name the files
    assert max(map(len, lines)) <= width
    assert not any(line != line.rstrip() for line in lines)
    assert lines[2].startswith("  On one core, within the budget, aiohttp carries ")


def test_the_page_has_the_curve_with_the_budget_and_every_cell() -> None:
    result = whole(**FOUR)
    document = page(result)
    blocks = {part.id: part.blocks for part in document.parts}
    (charts,) = (block for block in blocks["curve"] if isinstance(block, Charts))
    assert [chart.title for chart in charts.charts] == ["Delivery lag p99, budget 10 ms"]
    (cells,) = (block for block in blocks["cells"] if isinstance(block, Table))
    assert sum(map(len, cells.groups.values())) == len(result.steps)
    parsed = Page(html.report(document))
    assert parsed.wrong == []


def test_a_ttft_budget_is_drawn_in_multiples() -> None:
    result = whole(aiohttp=(gentle, 300))
    steps = [replace(reading, ttft_p50_ms=300 * (reading.use or 0)) for reading in result.steps]
    budget = Budget(lag_p99_ms=None, errors=None, ttft=1.5)
    drawn = page(replace(result, goal=budget, steps=steps, ttft_one_stream_ms={AIOHTTP: 200.0}))
    (charts,) = (block for part in drawn.parts for block in part.blocks if isinstance(block, Charts))
    assert [chart.title for chart in charts.charts] == ["TTFT p50 over that of one stream, budget 1.5 times"]


def test_what_others_wrote_stays_text() -> None:
    ended = Obstacle(kind="ended", text=HOSTILE)
    stuck = one(stopped="unmeasured", tried=64, obstacle=ended)
    step = Reading(client=AIOHTTP, level=Level(streams=64), verdict="unmeasured", use=None, obstacle=ended)
    result = found([stuck], [step])
    parsed = Page(html.report(page(result)))
    assert parsed.wrong == []
    assert "\x1b" not in "".join([*parsed.text, *printed(result)])


@pytest.mark.parametrize(
    ("each", "streams", "why"),
    [
        (one(limit=Limit(812.4, 760, 870), bound="lag_p99"), "812", "lag p99"),
        (one(at_least=40, stopped="highest"), "at least 40", "--max-streams"),
        (one(at_least=64, below=128, stopped="interrupted"), "64 to 128", "interrupted"),
        (one(below=8, stopped="interrupted"), "fewer than 8", "interrupted"),
        (one(stopped="interrupted"), "–", "interrupted"),
        (
            one(at_least=128, stopped="simulator", tried=256, obstacle=LATE),
            "at least 128",
            "the simulator at 256",
        ),
        (
            one(at_least=128, stopped="machine", tried=256, obstacle=Obstacle(kind="hypervisor", share=0.2)),
            "at least 128",
            "the machine at 256",
        ),
    ],
)
def test_a_limit_is_shown_with_what_stopped_the_search(each: Capacity, streams: str, why: str) -> None:
    assert carries(each) == streams
    assert why in stopped(each)
    assert streams in "".join(printed(found([each])))


def test_a_budget_in_words() -> None:
    only_ttft = Budget(lag_p99_ms=None, errors=None, ttft=1.5)
    assert describe(only_ttft) == "TTFT p50 at most 1.5 times that of one stream"


@pytest.mark.parametrize("kind", get_args(get_type_hints(Obstacle)["kind"]))
def test_every_obstacle_has_a_sentence(kind: Any) -> None:
    assert reason(Obstacle(kind=kind, text="it ended", core=ServerCore(0.9, 0.1)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"at": Limit(300, 250, 350), "lower": AIOHTTP},
            "cross at 300 streams (250 to 350): below, aiohttp uses less",
        ),
        ({}, "do not differ beyond the noise between 64 and 512 streams"),
        (
            {"lower": REQUESTS, "throughout": True},
            "do not cross between 64 and 512 streams: requests used less",
        ),
        ({"lower": REQUESTS}, "wherever they differ beyond the noise"),
    ],
)
def test_two_curves_in_one_sentence(changes: dict[str, Any], words: str) -> None:
    plain: dict[str, Any] = {
        "one": AIOHTTP, "other": REQUESTS, "low": 64, "high": 512,
        "at": None, "lower": None,
    }  # fmt: skip
    shown = crossing(Crossing(**plain | changes))
    assert shown.startswith("aiohttp and requests ")
    assert words in shown

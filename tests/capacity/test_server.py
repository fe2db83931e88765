"""What a search says of a server: what it carries, whose limit that is, where it saturates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from loadgen.capacity.curves import Limit as Interval
from loadgen.capacity.document import page
from loadgen.capacity.measure import SearchResult, with_server
from loadgen.capacity.objectives import ServerObjectives
from loadgen.capacity.readings import Obstacle, Reading
from loadgen.capacity.search import Rules
from loadgen.capacity.server import saturation
from loadgen.capacity.server_sentences import answer
from loadgen.exit_code import ExitCode
from loadgen.model import Level, Limit, Threshold
from loadgen.report.blocks import Charts
from loadgen.report.renderers import html
from loadgen.report.sentences.answer import paragraphs
from tests.capacity.test_document import AIOHTTP, found, one
from tests.report.test_html import Page

SLO = ServerObjectives([Threshold(text="ttft_p95_ms < 1000", metric="ttft_p95_ms", op="<", value=1000.0)])


def of_server(limited_by: Limit | None = Limit.SERVER, *, rate: bool = False, **client: Any) -> SearchResult:
    """Return the result of a search on a server with four slots: from four streams on, they wait."""
    steps = []
    for n, at in enumerate((1, 2, 4, 8, 8, 10, 12)):
        waits = 480.0 * max(0.0, at / 4 - 1) + 100
        figures = {"tokens_per_s": 41.5 * min(at, 4), "ttft_p95_ms": waits + 400 * (at == 12), "errors": 0.0}
        over = figures["ttft_p95_ms"] >= 1000
        steps.append(
            Reading(
                client=AIOHTTP,
                level=Level(rate=at / 2) if rate else Level(streams=at),
                verdict="over" if over else "within",
                use=figures["ttft_p95_ms"] / 1000,
                bound="ttft_p95_ms",
                cell=n,
                errors=0.0,
                limited_by=limited_by if over else None,
                figures={
                    **figures,
                    "ttft_p50_ms": waits,
                    "served_peak": min(at, 4),
                    "queue_p50_ms": waits - 100,
                },
                server_figures={"ttft_p95_ms": 1410.0 if limited_by is Limit.SERVER else 310.0}
                if over
                else {},
            )
        )
    scale = 2 if rate else 1
    each = one(
        **{
            "limit": Interval(10 / scale, 9.4 / scale, 10.6 / scale),
            "at_least": 10 / scale,
            "below": 12 / scale,
        }
        | {"bound": "ttft_p95_ms"}
        | client
    )
    made = found([each], steps, goal=SLO, rules=Rules(start=1, highest=100, rate=rate))
    return with_server(made)


def test_what_the_server_carries_is_the_conservative_end_and_whose_limit_it_is_is_said() -> None:
    result = of_server()
    (text, knee) = answer(result)
    assert text.startswith("The server carries 9 streams at once within the objectives: TTFT p95 < 1 s.")
    assert (
        "At 12 streams: TTFT p95 1,460 ms, 1,410 ms without what aiohttp added. The server is the limit."
        in text
    )
    assert knee.startswith(
        "4 → 12 streams only wait: 166 tokens/s from 4 on. It serves about 4 streams at once."
    )
    assert result.verdict is ExitCode.DONE
    assert result.as_dict()["limited_by"] == {"aiohttp": "server"}
    assert result.as_dict()["saturates"][0]["below"] == 4


def test_a_limit_of_the_client_is_a_lower_bound_for_the_server() -> None:
    result = of_server(Limit.CLIENT)
    (text, *_) = answer(result)
    assert "carries at least 9 streams" in text
    assert "310 ms without what aiohttp added. aiohttp is the limit, not the server." in text
    assert result.verdict is ExitCode.NOT_MEASURED


def test_a_search_over_rates_tells_arrivals() -> None:
    (text, *_) = answer(of_server(rate=True))
    assert text.startswith("The server carries 4.7 per second within")


def test_a_search_that_was_stopped_names_no_limit() -> None:
    result = of_server(
        stopped="machine", bound=None, limit=None, tried=12, obstacle=Obstacle(kind="hypervisor")
    )
    assert (result.limited_by, result.verdict) == ({}, ExitCode.NOT_MEASURED)
    assert "at least 10 streams" in answer(result)[0]


@pytest.mark.parametrize("rate", [False, True])
def test_the_page_of_a_server_has_tokens_and_objectives_with_the_knee(rate: bool) -> None:
    document = page(of_server(rate=rate))
    (charts,) = (block for part in document.parts for block in part.blocks if isinstance(block, Charts))
    assert [chart.title for chart in charts.charts] == ["Tokens/s", "TTFT p95, objective 1,000 ms"]
    parsed = Page(html.report(document))
    assert parsed.wrong == []
    assert "server saturated" in html.report(document)


def test_more_tokens_are_no_knee() -> None:
    steps = [
        replace(r, figures={**r.figures, "tokens_per_s": 41.5 * (r.level.streams or 0)})
        for r in of_server().steps
    ]
    assert saturation(AIOHTTP, steps) is None


def test_without_the_servers_own_figures_the_effective_parallelism_is_that_of_the_tokens() -> None:
    steps = [replace(r, figures={**r.figures, "served_peak": None}) for r in of_server().steps]
    knee = saturation(AIOHTTP, steps)
    assert knee is not None
    assert (knee.served.value, knee.speedup.value) == (None, 4)
    assert "4.00 times the tokens per second of one stream alone" in paragraphs([knee])[0]

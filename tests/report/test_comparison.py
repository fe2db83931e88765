"""A comparison as text and as a page."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from loadgen.analysis import compare
from loadgen.analysis.differences import Difference
from loadgen.model import Cause, ClientId, Delay, DelayFinding, Level, Summary
from loadgen.report.blocks import Table
from loadgen.report.comparison import ComparisonView, sentences
from loadgen.report.comparison.document import ROWS, document
from loadgen.report.renderers import html, markdown, terminal
from tests.analysis.test_compare import steady
from tests.report.runs import HOSTILE
from tests.report.test_browser import IDLE, PAINTED, browser  # noqa: F401
from tests.report.test_html import Page

DELAY = DelayFinding(
    client=ClientId("aiohttp"),
    level=Level(streams=100),
    late=30,
    tokens=100,
    budget_ms=3.0,
    delays=(Delay(cause=Cause.BUSY, share=1.0, delay_share=1.0, median_ms=20.0, max_ms=40.0),),
)
DIFFERENCE = Difference("versions.aiohttp", "3.13", HOSTILE, False)


def runs(levels: tuple[int, ...] = (10, 100)) -> tuple[list[Summary], list[Summary]]:
    base = [steady(client, n) for n in levels for client in ("aiohttp", "requests")]
    head = [steady("aiohttp", n, lag_p99_ms=60.0, tokens_per_s=1200.0) for n in levels]
    return base, [*head, *(steady("requests", n) for n in levels)]


def view(levels: tuple[int, ...] = (10, 100)) -> ComparisonView:
    base, head = runs(levels)
    comparison = compare.with_delays(compare.runs(base, head, paired=True), [DELAY])
    return ComparisonView(comparison, "base", "head", base, head, [DIFFERENCE])


def printed(width: int) -> list[str]:
    file = StringIO()
    Console(file=file, width=width).print(terminal.report(document(view(), "terminal")))
    return file.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 110, 200])
def test_the_terminal_has_room_for_it(width: int) -> None:
    lines = printed(width)
    assert max(map(len, lines)) <= width
    (row,) = (line for line in lines if line.startswith("worse") and " 100 " in line)
    assert " ".join(row.split()).startswith("worse aiohttp lag p99 100 20.0 ms 60.0 ms +200 % ")
    assert lines[-1] == "Worse: 2 regressions of aiohttp beyond the noise."
    assert sum(line.startswith("better") for line in lines) == 2
    assert any(line.startswith("  aiohttp ") and "✗" in line for line in lines)
    assert "\x1b" not in "".join(lines)


def test_the_more_room_the_more_metrics() -> None:
    titles = [
        next(line for line in printed(width) if line.lstrip().startswith("client ")) for width in (80, 200)
    ]
    assert len(titles[0].split()) < len(titles[1].split())


def of_clients(levels: tuple[int, ...] = (10, 100)) -> ComparisonView:
    """Return requests against aiohttp, which is better in one figure."""
    base = [steady("aiohttp", n) for n in levels]
    head = [steady("requests", n, lag_p99_ms=60.0) for n in levels]
    compared = compare.clients([*base, *head], ClientId("aiohttp"), ClientId("requests"))
    return ComparisonView(compared, "aiohttp", "requests", base, head, of_clients=True)


@pytest.mark.parametrize("form", ["html", "terminal", "markdown"])
def test_of_two_clients_the_answer_is_first_and_no_verdict(form) -> None:
    made = of_clients()
    assert made.comparison.verdict == "worse"
    first, *others = document(made, form).parts
    texts = [block.text for block in first.blocks]
    assert texts[0] == "aiohttp is better in lag p99, requests in nothing."
    assert texts[1].startswith(
        "At 100 streams aiohttp is better in lag p99 (20.0 ms against 60.0 ms, −67 %); no "
    )
    assert not any("Worse" in text for text in texts)
    (table,) = (block for part in others for block in part.blocks if isinstance(block, Table))
    assert [column.heading for column in table.columns[:4]] == ["metric", "aiohttp", "requests", "difference"]


def test_who_is_better_may_depend_on_the_level() -> None:
    base = [steady("aiohttp", 10, lag_p99_ms=60.0), steady("aiohttp", 100)]
    head = [steady("requests", 10), steady("requests", 100, lag_p99_ms=60.0)]
    compared = compare.clients([*base, *head], ClientId("aiohttp"), ClientId("requests"))
    made = ComparisonView(compared, "aiohttp", "requests", base, head, of_clients=True)
    assert sentences.answer(made)[0] == "Which is better in lag p99 depends on the level."


def test_two_clients_that_are_alike() -> None:
    alike = [steady(name, 10) for name in ("aiohttp", "requests")]
    compared = compare.clients(alike, ClientId("aiohttp"), ClientId("requests"))
    made = ComparisonView(compared, "aiohttp", "requests", alike[:1], alike[1:], of_clients=True)
    assert sentences.answer(made) == ["Between requests and aiohttp nothing differs beyond the noise."]


def test_what_others_wrote_stays_text() -> None:
    hostile = replace(view(), base=HOSTILE)
    page, text = html.report(document(hostile, "html")), markdown.report(document(hostile, "markdown"))
    assert "<script>document.title" not in page
    parsed = Page(page)
    assert parsed.wrong == []
    assert "</script><script>" in "".join(parsed.text)
    assert "{{7*7}}" in page
    for line in text.splitlines():
        assert "<script>" not in line.replace("\\<", "").replace(f"`{sentences.difference(DIFFERENCE)}`", "")
    assert "\x1b" not in page + text


def test_markdown_shows_the_worst_first_and_no_more_than_it_must() -> None:
    base = [steady(n, c) for n in ("a", "b", "c", "d") for c in (1, 10, 100)]
    head = [
        steady(s.client.label, int(s.level.value), lag_p99_ms=40.0 + place, ttft_p50_ms=400.0)
        for place, s in enumerate(base)
    ]
    made = ComparisonView(compare.runs(base, head, paired=True), "x", "y", base, head)
    lines = markdown.report(document(made, "markdown")).splitlines()
    rows = [line for line in lines if line.startswith("| worse")]
    assert len(rows) == ROWS
    assert rows[0].startswith("| worse | d | lag p99 | 100 | 20.0 ms | 51.0 ms | +155 % |")
    assert "14 more are called worse or better; " in "".join(lines)
    assert "Every client became worse in TTFT p50; lag p99" in "".join(lines)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0.0 %"),
        (0.031, "+3.1 %"),
        (-0.5, "−50 %"),
        (1.0, "+100 %"),
        (11.0, "×12"),
        (1e30, "×10,000+"),
    ],
)
def test_shares_have_their_sign(value: float | None, text: str) -> None:
    assert sentences.share(value) == text


def test_names_of_runs_are_no_formats() -> None:
    base, head = runs()
    made = compare.runs(base, head[:-1], paired=True)
    (note,) = sentences.notes(ComparisonView(made, "a{b}", "head", base, head[:-1]))
    assert note == "Only in a{b}: requests at 100 streams"


def test_the_verdict_says_what_would_help() -> None:
    made = replace(view().comparison, verdict="cannot tell", reason="one_repeat", more_repeats=1)
    assert sentences.verdict(made).endswith(". 1 more repeat of both would decide.")
    assert "reduce the noise" in sentences.verdict(replace(made, more_repeats=None))


@pytest.mark.parametrize("levels", [(10, 100), (10,)], ids=["sweep", "one"])
def test_the_page_opens_offline_and_paints_every_chart(browser, tmp_path, levels) -> None:  # noqa: F811
    path = tmp_path / "page.html"
    path.write_text(html.report(document(view(levels), "html")), encoding="utf-8")
    complaints: list[str] = []
    tab = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
    tab.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on(
        "request",
        lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else complaints.append(r.url),
    )
    tab.goto(path.as_uri())
    tab.wait_for_function(IDLE)
    painted = tab.evaluate(PAINTED)
    width = tab.evaluate("document.documentElement.scrollWidth")
    tab.close()
    assert complaints == []
    assert len(painted) == len(view(levels).comparison.columns)
    assert min(painted) > 100
    assert width <= 390

import io
import re
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console, Group

from loadgen.model import Effect, TextFinding
from loadgen.report.renderers.terminal import Terminal
from loadgen.report.screen import Screen
from loadgen.report.sections.claims import Claims
from loadgen.report.sections.delivery_lag import DeliveryLag
from loadgen.report.sections.metrics import Metrics
from loadgen.report.view import View
from tests.report.runs import hostile_run, repeated_run, run_of, view


def shown(of, width=100, encoding="utf-8", colour=False):
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    Console(
        file=file, width=width, force_terminal=colour, color_system="truecolor" if colour else None
    ).print(Terminal(of) if isinstance(of, View) else of)
    file.flush()
    return raw.getvalue().decode(encoding)


def section(of, section, width=100):
    """Return what one section prints."""
    return shown(Group(*section.terminal(of, Screen(width))), width)


@pytest.fixture(scope="module")
def ladder():
    return view(run_of("/nowhere", (1, 10)))


@pytest.mark.parametrize("width", [60, 80, 100, 140, 220])
def test_the_table_fits_and_breaks_no_row(ladder, width):
    summaries = ladder.summaries
    lines = section(ladder, Metrics(), width).splitlines()
    assert max(map(cell_len, lines)) <= width
    starts = [
        line.split()[0]
        for line in lines
        if line.startswith("  ") and line.split()[0] in {s.client.label for s in summaries}
    ]
    assert starts == [s.client.label for s in sorted(summaries, key=lambda s: s.level)]
    assert "…" not in "".join(lines)


def test_wider_consoles_get_more_columns(ladder):
    heads = [section(ladder, Metrics(), width).splitlines()[1].split() for width in (80, 100, 140)]
    assert {"client", "errors", "p50", "p99", "validity"} <= set(heads[0])
    assert "threads" in heads[1]
    assert [len(head) for head in heads] == sorted({len(head) for head in heads})


def test_soft_and_missing_figures_are_marked(ladder):
    row = next(line for line in section(ladder, Metrics()).splitlines() if line.startswith("  requests"))
    assert "~" in row
    assert "–" in row


def test_no_colour_when_piped_and_plain_ascii_where_asked(ladder):
    assert "\x1b" not in shown(ladder)
    assert shown(ladder, encoding="ascii").isascii()


def test_a_terminal_gets_colour(ladder):
    assert "\x1b[" in shown(ladder, colour=True)


def test_text_from_outside_cannot_steer_the_terminal():
    hostile = view(hostile_run("/nowhere"))
    for encoding in ("utf-8", "ascii"):
        text = shown(hostile, 300, encoding)
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert any(f.kind == "validity" for f in hostile.findings)


def test_every_claim_is_told_with_its_verdict_and_what_decides():
    repeated = view(repeated_run("/nowhere"))
    text = shown(repeated, 200)
    claims = [f for f in repeated.findings if f.kind == "claim"]
    assert all(f"{f.verdict:9}  {f.statement}" in text for f in claims)
    assert re.search(
        r"\n  holds +1\.00 \(1\.00 to 1\.00\) +> 0\.9 +requests \+1: threads per further stream", text
    )
    assert "Cost of a further stream" in text
    assert "requests measured twice at 100 streams differs from itself" in text
    assert "×4.56, here" in text


def test_what_speaks_against_a_claim_stands_for_its_figure():
    effects = [
        Effect(name="sleeps, a at 9 streams", unit="per token", value=2.0, low=1.9, high=2.1, line=0.5, holds=True,
               client="a"),
        Effect(name="sleeps, b at 9 streams", unit="per token", value=0.2, low=0.1, high=0.3, line=0.5, holds=False,
               client="b"),
    ]  # fmt: skip
    claim = TextFinding(
        kind="claim", id="c", verdict="refuted", statement="It sleeps.", evidence=(), effects=tuple(effects)
    )
    text = section(View(run_of("/nowhere", ()), [], [claim]), Claims())
    assert "against  0.200 (0.100 to 0.300)  > 0.5  b +1: sleeps" in text


def test_why_tokens_came_late_is_a_row_and_a_sentence_where_that_has_no_room():
    effects = (("late", 0.51), ("server", 66.7), ("gc", 33.3), ("unexplained", 0.01))
    found = [
        TextFinding(
            kind="cause",
            id=f"{client}@1000",
            verdict="server",
            statement=f"{client} at 1,000: why",
            evidence=(),
            effects=tuple(Effect(name=name, unit="%", value=value) for name, value in effects[:number]),
        )
        for client, number in (("aiohttp", 4), ("httpx-sync", 2))
    ]
    found = View(run_of("/nowhere", ()), [], found)
    head, one, other, *note = section(found, DeliveryLag(), 80).rstrip().splitlines()
    assert head.split() == ["late", "server", "GC", "unexplained"]
    assert one.split() == ["aiohttp", "at", "1,000", "0.5", "%", "67", "%", "33", "%", "<0.1", "%"]
    assert other.split() == ["httpx-sync", "at", "1,000", "0.5", "%", "67", "%"]
    assert "3 ms" in " ".join(note)
    assert section(found, DeliveryLag(), 40).splitlines()[0].strip() == "aiohttp at 1,000: why"


@pytest.mark.parametrize("width", [80, 110])
def test_findings_fit_the_console_and_a_few_dozen_lines(width):
    repeated = view(repeated_run("/nowhere"))
    lines = shown(repeated, width).splitlines()
    assert max(map(cell_len, lines)) <= width
    assert len(lines) < 100


def test_claims_that_a_run_cannot_judge_take_one_line():
    made = run_of("/nowhere", (5,))
    alone = view(replace(made, recordings=tuple(r for r in made.recordings if r.client.name == "aiohttp")))
    claims = [replace(f, effects=()) for f in alone.findings if f.kind == "claim"]
    (text,) = section(replace(alone, findings=claims), Claims()).splitlines()
    assert "none of the 5" in text


def test_nothing_measured_is_said():
    assert "nothing was measured" in shown(View(run_of("/nowhere", ()), [], []))

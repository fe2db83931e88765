import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from loadgen.report import terminal
from tests.report.runs import analysed, hostile_run, run_of


def shown(renderable, width=100, encoding="utf-8", colour=False):
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    Console(
        file=file, width=width, force_terminal=colour, color_system="truecolor" if colour else None
    ).print(renderable)
    file.flush()
    return raw.getvalue().decode(encoding)


@pytest.fixture(scope="module")
def ladder():
    return analysed(run_of("/nowhere", (1, 10)))


@pytest.mark.parametrize("width", [60, 80, 100, 140, 220])
def test_the_table_fits_and_breaks_no_row(ladder, width):
    summaries, _ = ladder
    lines = shown(terminal.table(summaries), width).splitlines()
    assert max(map(cell_len, lines)) <= width
    starts = [
        line.split()[0]
        for line in lines
        if line.startswith("  ") and line.split()[0] in {s.client for s in summaries}
    ]
    assert starts == [s.client for s in sorted(summaries, key=lambda s: s.concurrency)]
    assert "…" not in "".join(lines)


def test_wider_consoles_get_more_columns(ladder):
    heads = [shown(terminal.table(ladder[0]), width).splitlines()[1].split() for width in (80, 100, 140)]
    assert {"client", "errors", "p50", "p99", "verdict"} <= set(heads[0])
    assert "threads" in heads[1]
    assert [len(head) for head in heads] == sorted({len(head) for head in heads})


def test_soft_and_missing_figures_are_marked(ladder):
    row = next(
        line for line in shown(terminal.table(ladder[0])).splitlines() if line.startswith("  requests")
    )
    assert "~" in row
    assert "–" in row


def test_no_colour_when_piped_and_plain_ascii_where_asked(ladder):
    summaries, findings = ladder
    for renderable in (terminal.table(summaries), terminal.findings(findings)):
        assert "\x1b" not in shown(renderable)
        assert shown(renderable, encoding="ascii").isascii()


def test_a_terminal_gets_colour(ladder):
    assert "\x1b[" in shown(terminal.table(ladder[0]), colour=True)


def test_text_from_outside_cannot_steer_the_terminal():
    summaries, findings = analysed(hostile_run("/nowhere"))
    for encoding in ("utf-8", "ascii"):
        text = shown(terminal.table(summaries), 300, encoding) + shown(
            terminal.findings(findings), 300, encoding
        )
        assert "\x1b" not in text
        assert "\u202e" not in text
    markup = [f for f in findings if f.kind == "validity"]
    assert markup


def test_findings_are_grouped_and_those_for_one_reason_told_once():
    _, findings = analysed(run_of("/nowhere", (1,)))
    text = shown(terminal.findings(findings), 200)
    claims = [f for f in findings if f.kind == "claim"]
    assert all(f.statement in text for f in claims)
    assert text.index("Claims") > text.index("What not to believe") if "What not to believe" in text else True


def test_nothing_measured_is_said():
    assert "nothing was measured" in shown(terminal.table([]))

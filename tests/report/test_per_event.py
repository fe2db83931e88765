"""Gaps are called those between text events where these carry several tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from loadgen.analysis.metrics import column
from loadgen.report.columns import label, narrow, per_event
from loadgen.report.document import document
from loadgen.report.renderers import html, markdown
from tests import synthetic
from tests.report.runs import shown, view

ITL = column("itl_p99_ms")


@pytest.mark.parametrize(
    ("tokens", "named", "heading"),
    [
        ([], "ITL p99", "ITL"),
        ([1.0, 1.05, None], "ITL p99", "ITL"),
        ([1.0, 1.06], "ITL per event p99", "ITL/event"),
    ],
)
def test_the_name_follows_the_tokens_per_event(tokens: list[float | None], named: str, heading: str) -> None:
    with per_event(tokens):
        assert label(ITL) == named
        assert narrow(ITL) == (heading, "p99")
        assert label(column("ttft_p99_ms")) == "TTFT p99"
    assert label(ITL) == "ITL p99"


@pytest.mark.parametrize("form", ["html", "terminal", "markdown"])
@pytest.mark.parametrize(("tokens", "grouped"), [(1.0, False), (2.0, True)])
def test_every_form_of_a_report_names_it_so(
    form: Literal["html", "terminal", "markdown"], tokens: float, grouped: bool
) -> None:
    made = document(view(synthetic.run(".", [synthetic.recording(server_tokens_per_event=tokens)])), form)
    text = {"html": html.report, "markdown": markdown.report, "terminal": shown}[form](made)
    assert ("ITL/event" in text or "ITL per event" in text) == grouped


def test_calls_of_tools_and_refusals_are_in_the_report_where_there_are_any() -> None:
    plain = synthetic.recording(streams=10, concurrency=10)
    assert "no text" not in markdown.report(document(view(synthetic.run(".", [plain])), "markdown"))
    counts = {"tool_call_events": np.array([3] * 4 + [0] * 6), "refusal_events": np.array([0] * 9 + [1])}
    made = replace(plain, streams=replace(plain.streams, **counts))
    of = view(synthetic.run(".", [made]))
    (summary,) = of.summaries
    names = ("tool_call_events", "tool_call_streams", "refusal_events", "refusal_streams")
    assert [summary.value(name) for name in names] == [12, 4, 1, 1]
    for form in ("markdown", "html"):
        text = {"markdown": markdown.report, "html": html.report}[form](document(of, form))  # type: ignore[arg-type]
        assert "calls of tools in 4 of 10 answers (12 events)" in text
        assert "refusals in 1 of 10 answers (1 events)" in text

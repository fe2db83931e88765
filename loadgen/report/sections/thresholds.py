"""Thresholds of the scenario: which held, with the value of each measurement."""

from __future__ import annotations

from collections.abc import Iterable

from loadgen.model import ThresholdFinding
from loadgen.report.blocks import Verdict
from loadgen.report.language import _
from loadgen.report.sections.section import Block, Form, Section, View
from loadgen.report.sentences import sentences
from loadgen.report.sentences.thresholds import worst

SHOWN = 3  # lines below a threshold that failed, at the top of a page


class Thresholds(Section):
    id = "thresholds"
    title = "Thresholds"
    top = True
    forms = frozenset({"html", "terminal", "markdown", "summary"})

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        for finding in view.of(ThresholdFinding):
            held, english = finding.verdict == "held", sentences(finding)
            if form in ("html", "summary"):
                details = () if held or form == "summary" else english.details[:SHOWN]
                yield Verdict(
                    "✓" if held else "✗",
                    f"{english.statement}  {worst(finding)}",
                    "good" if held else "bad",
                    details,
                )
            else:
                yield Verdict(
                    _(finding.verdict), english.statement, "good" if held else "bad", english.details
                )

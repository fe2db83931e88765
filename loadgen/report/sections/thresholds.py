"""Thresholds of the scenario: which held, with the value of each measurement."""

from __future__ import annotations

from loadgen.model import ThresholdFinding
from loadgen.report import markdown
from loadgen.report.sections.section import Rendered, Screen, Section, View
from loadgen.report.sentences import sentences


class Thresholds(Section):
    id = "thresholds"
    title = "Thresholds"
    finding = ThresholdFinding

    def terminal(self, view: View, screen: Screen) -> Rendered:
        found = [(finding.verdict, sentences(finding)) for finding in view.of(ThresholdFinding)]
        yield screen.verdicts((verdict, each.statement, each.details) for verdict, each in found)

    def markdown(self, view: View) -> str:
        found = view.of(ThresholdFinding)
        return markdown.bullets(f"{f.verdict}: {sentences(f).statement}" for f in found)

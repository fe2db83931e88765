"""The claims of the scenario's study, each with its verdict and the figure that decides."""

from __future__ import annotations

from collections.abc import Iterable

from loadgen.model import StudyFinding
from loadgen.report.blocks import Verdict
from loadgen.report.language import _
from loadgen.report.sections.claims import TONES
from loadgen.report.sections.section import Block, Form, Section, View
from loadgen.report.sentences import sentences


class Study(Section):
    id = "study"
    title = "What was claimed, and what was measured"
    short = "Study"
    forms = frozenset({"html", "terminal", "markdown", "summary"})

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        for finding in view.of(StudyFinding):
            text = sentences(finding)
            yield Verdict(_(finding.verdict), text.statement, TONES[finding.verdict], text.details)

"""Thresholds of the scenario: which held, with the value of each measurement."""

from __future__ import annotations

from collections.abc import Iterable

from loadgen.model import ThresholdFinding
from loadgen.report.blocks import Verdict
from loadgen.report.language import _, plural
from loadgen.report.sections.section import Block, Form, Section, View
from loadgen.report.sentences import sentences
from loadgen.report.sentences.thresholds import worst

SHOWN = 3  # lines below a threshold that failed, at the top of a page; of a summary, thresholds that held


class Thresholds(Section):
    id = "thresholds"
    title = "Thresholds"
    top = True
    forms = frozenset({"html", "terminal", "markdown", "summary"})

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        found = view.of(ThresholdFinding)
        if form == "summary" and len(found) > SHOWN:
            held_ones = [finding for finding in found if finding.verdict == "held"]
            found = [finding for finding in found if finding not in held_ones]
            if held_ones:
                n = len(held_ones)
                yield Verdict("✓", plural(n, "{n} threshold held", "{n} thresholds held"), "good")
        for finding in found:
            held, english = finding.verdict == "held", sentences(finding)
            if form in ("html", "summary"):
                failed = [result for result in finding.results if not result.held]
                needed = form == "html" and (len(failed) > 1 or any(result.reason for result in failed))
                more = english.details[: min(len(failed), SHOWN)] if needed else ()
                yield Verdict(
                    "✓" if held else "✗",
                    f"{english.statement}  {worst(finding)}",
                    "good" if held else "bad",
                    more,
                )
            else:
                yield Verdict(
                    _(finding.verdict), english.statement, "good" if held else "bad", english.details
                )

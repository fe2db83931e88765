"""Whether the run can be used: how many measurements are valid, which thresholds failed, whether it ended early."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from loadgen.model import Run, ThresholdFinding, Validity
from loadgen.report.blocks import Text, Tone
from loadgen.report.language import _
from loadgen.report.sections.section import Block, Form, Section, View


class Verdict(Section):
    id = "verdict"
    forms = frozenset({"html", "terminal", "markdown", "summary"})

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        if text := _unfinished(view.run):
            yield Text(text, "warn")
        if form != "html":
            return
        counts, total = Counter(s.validity for s in view.summaries), len(view.summaries)
        tone: Tone = "bad" if counts[Validity.INVALID] else "warn" if counts[Validity.SUSPECT] else "good"
        if not total:
            yield Text(_("Nothing was measured"), "bad")
        elif counts[Validity.VALID] == total:
            yield Text(
                _("All {n} measurements are valid (one client at one level each)").format(n=total), tone
            )
        else:
            parts = [f"{counts[v]} {_(v.value)}" for v in Validity if counts[v]]
            yield Text(_("{n} measurements: {parts}").format(n=total, parts=", ".join(parts)), tone)
        verdicts = [finding.verdict for finding in view.of(ThresholdFinding)]
        if failed := verdicts.count("failed"):
            yield Text(_("{failed} of {n} thresholds failed").format(failed=failed, n=len(verdicts)), "bad")


def _unfinished(run: Run) -> str:
    """Return why the run is not complete, and how much of it was measured; empty where it is complete."""
    states = {
        "interrupted": _("The run was interrupted"), "failed": _("The run failed"),
        "running": _("The run never ended"),
    }  # fmt: skip
    if run.info.state not in states:
        return ""
    measured, planned = len({r.index for r in run.recordings}), len(run.info.cells)
    text = _("{run}: {measured} of {planned} cells were measured").format(
        run=states[run.info.state], measured=measured, planned=planned
    )
    return f"{text} ({run.info.failure})" if run.info.failure else text

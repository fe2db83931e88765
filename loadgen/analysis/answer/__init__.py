"""What a run answers, first of all: a small set of rules over the metrics, a file each.

A rule is a function from :class:`~loadgen.analysis.answer.evidence.Evidence` to answers. It states nothing without an
interval behind it. The order of the table is the order of the sentences.
"""

from __future__ import annotations

from collections.abc import Sequence

from loadgen import registry
from loadgen.analysis.answer.evidence import Evidence
from loadgen.model import Answer, Run, Summary

RULES: Sequence[str] = (
    "loadgen.analysis.answer.failures:failures",
    "loadgen.analysis.answer.carries:carries",
    "loadgen.analysis.answer.carries:held_back",
    "loadgen.analysis.answer.on_cores:on_cores",
    "loadgen.analysis.answer.stopped:stopped",
    "loadgen.analysis.answer.good:good",
    "loadgen.analysis.answer.loads:loads",
    "loadgen.analysis.answer.kept_open:kept_open",
    "loadgen.analysis.answer.alike:alike",
    "loadgen.analysis.answer.differs:differs",
    "loadgen.analysis.answer.objective:objective",
    "loadgen.analysis.answer.saturates:saturates",
    "loadgen.analysis.answer.waiting:waits",
    "loadgen.analysis.answer.connects:connects",
    "loadgen.analysis.answer.holds_back:holds_back",
    "loadgen.analysis.answer.grows:grows",
    "loadgen.analysis.answer.measured:measured",
    "loadgen.analysis.answer.undecided:undecided",
)


def findings(run: Run, summaries: Sequence[Summary]) -> list[Answer]:
    """Return what each rule answers, in the order of the table."""
    evidence = Evidence(run, summaries)
    return [answer for path in RULES for answer in registry.load(path, "", path)(evidence)]

"""How far each group of figures can be believed, and what makes it uncertain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from loadgen.analysis import rounds
from loadgen.model import ClockFinding, Grade, reasons
from loadgen.model import Confidence as GroupConfidence
from loadgen.report.blocks import Bullets, Text, Tone, Verdict
from loadgen.report.language import _
from loadgen.report.sections.section import Block, Form, Section, View
from loadgen.report.sentences import confidence as english
from loadgen.report.sentences import server_clock
from loadgen.report.sentences.validity import reason

TONES: Mapping[Grade, Tone] = {Grade.HIGH: "good", Grade.MEDIUM: "warn", Grade.LOW: "bad"}


class Confidence(Section):
    id = "confidence"
    title = "Can I believe it?"
    short = "Confidence"
    top = True
    forms = frozenset({"html", "terminal", "markdown", "summary"})

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        counted = [s for s in rounds.valid(view.by_level) if s.confidence]
        if not counted:
            return
        highest = [s for s in counted if s.level == counted[-1].level]
        if form == "html":
            yield from map(_badge, english.lowest(highest))
        else:
            yield Text(english.strip(highest))
        doubts = [cause] if (cause := english.main_cause(highest)) else []
        if form != "html":
            clocks = [of for of in view.of(ClockFinding) if of.verdict != "absolute" and of.fault != "host"]
            doubts += server_clock.lines(clocks)
            remarks = (r for s in counted for r in s.reasons if isinstance(r, reasons.SeveralTokens))
            doubts += [reason(r) for r in remarks][:1]
        if doubts:
            yield Bullets(doubts, "quiet")


def _badge(of: GroupConfidence) -> Verdict:
    return Verdict(
        _(of.grade.value), f"{english.names()[of.group]} {english.width(of)}".rstrip(), TONES[of.grade]
    )

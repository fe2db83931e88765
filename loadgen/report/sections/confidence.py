"""How far each group of figures can be believed, and what makes it uncertain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from loadgen.model import Confidence as GroupConfidence
from loadgen.model import Grade, Group, Summary
from loadgen.report.blocks import Bullets, Cell, Column, Table, Text, Tone
from loadgen.report.language import _
from loadgen.report.sections.section import Block, Form, Section, View
from loadgen.report.sentences import confidence as english
from loadgen.report.text import percent

TONES: Mapping[Grade, Tone] = {Grade.HIGH: "good", Grade.MEDIUM: "warn", Grade.LOW: "bad"}


class Confidence(Section):
    id = "confidence"
    title = "Can I believe it?"
    short = "Confidence"
    forms = frozenset({"html", "terminal", "markdown", "summary"})

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        counted = [s for s in view.by_level if s.confidence and not s.client.control]
        if not counted:
            return
        highest = [s for s in counted if s.level == counted[-1].level]
        yield Text(english.strip(highest))
        if cause := english.main_cause(highest):
            yield Bullets([cause], "quiet")
        if form == "html":
            yield _table(counted)


def _table(summaries: list[Summary]) -> Table:
    groups = [group for group in Group if any(group in s.confidence for s in summaries)]
    rows = []
    for s in summaries:
        cells = [_cell(s.confidence.get(group)) for group in groups]
        rows.append([Cell(f"{s.client.label}, {s.level}", client=s.client), *cells])
    return Table([Column(_("client")), *(Column(_(english.GROUPS[group])) for group in groups)], {"": rows})


def _cell(of: GroupConfidence | None) -> Cell:
    if of is None:
        return Cell("–")
    width = "" if of.plus_minus is None else f"±{percent(of.plus_minus)}"
    return Cell(_(of.grade.value), width, TONES[of.grade])

"""How much two measurements of the same client differ: smaller differences are noise."""

from __future__ import annotations

from collections.abc import Iterable

from loadgen.analysis.metrics import column
from loadgen.model import NoiseFinding
from loadgen.report.blocks import Column, Table, Text
from loadgen.report.language import _
from loadgen.report.sections.section import Block, Form, Section, View
from loadgen.report.sentences import sentences
from loadgen.report.text import NOT_MEASURED, percent


class Noise(Section):
    id = "noise"
    title = "Noise of this run"
    short = "Noise"
    forms = frozenset({"html", "terminal"})

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        found = view.of(NoiseFinding)
        if not found:
            return
        if form != "html":
            yield Text(sentences(found[-1]).statement, "quiet")
            return
        yield Text(
            _(
                "{client} was measured twice in each round, the second time as its A/A control; the difference between "
                "the two estimates the noise. Differences smaller than these are noise."
            ).format(client=found[0].client)
        )
        shown = [{column(each.metric).label: percent(each.threshold) for each in f.thresholds} for f in found]
        names = dict.fromkeys(name for of in shown for name in of)
        columns = [Column(_("metric")), *(Column(str(finding.level)) for finding in found)]
        yield Table(
            columns, {"": [[_(name), *(of.get(name, NOT_MEASURED) for of in shown)] for name in names]}
        )

"""The few figures that matter most, of every client at every level, each with its ±."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from loadgen.analysis import effects, rounds
from loadgen.analysis.metrics import Column as MetricColumn
from loadgen.analysis.metrics import headline
from loadgen.model import Summary, Validity
from loadgen.report.blocks import Cell, Column, Details, Row, Table, Text, Tone
from loadgen.report.columns import at, level_text, scaled, value_text
from loadgen.report.language import _
from loadgen.report.sections import metrics
from loadgen.report.sections.section import Block, Form, Section, View
from loadgen.report.text import number

ALIKE = 0.10  # a ± that is wider than this share of the figure, and than what clients differ by, is greyed


class Figures(Section):
    id = "figures"
    title = "The main figures"
    short = "Figures"
    forms = frozenset({"html", "markdown", "summary"})

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        if not view.summaries:
            return
        shown = [of for of in headline() if any(s.value(of.name) is not None for s in view.summaries)]
        counted = _counted(view.by_level, form)
        alone = view.sweeps and len({s.client for s in counted}) == 1
        columns = [Column(counted[0].client.label if alone else "" if form == "summary" else _("client"))]
        for of in shown:
            _place, above, heading = of.metric.headline[of.rank]
            text = _(heading) if form == "summary" else _whole(heading)
            columns.append(
                Column(text, _(above) if form == "summary" else _whole(above), tip=_(of.metric.description))
            )
        groups: dict[str, list[Row]] = defaultdict(list)
        for s in counted:
            row = _row(s, level_text(s.level) if alone else s.client.label, shown, view.levels[s.level], form)
            groups[at(s.level) if view.sweeps and not alone else ""].append(row)
        yield Table(columns, groups)
        if form == "html":
            text = _(
                "± is half of the 95 % interval over the rounds. Grey: it is wider than what the clients differ by."
            )
            if len({s.client for s in counted if not s.client.control}) == 1:
                text = _(
                    "± is half of the 95 % interval over the rounds. Grey: it is more than {share} % of the figure."
                )
            yield Text(text.format(share=f"{100 * ALIKE:g}"), "quiet")
            yield Details(_("All metrics"), list(metrics.Metrics().blocks(view, form)))


def _whole(heading: str) -> str:
    """Return a heading without abbreviations, where there is room."""
    words = {
        "tok/s": _("tokens/s"), "KiB/str": _("KiB per stream"), "thr": _("threads"), "µs/tok": _("µs per token"),
        "done/s": _("completed per s"), "scheduled (ms)": _("TTFT from the schedule (ms)"),
    }  # fmt: skip
    return words.get(heading, _(heading))


def _counted(summaries: Sequence[Summary], form: Form) -> list[Summary]:
    """Return the summaries; without A/A controls where room is short."""
    return [s for s in summaries if form != "summary" or not s.client.control]


def _row(
    summary: Summary, name: str, columns: Sequence[MetricColumn], others: Sequence[Summary], form: Form
) -> Row:
    invalid = summary.validity is Validity.INVALID
    label = f"{name}{_(' (invalid)') if invalid else ''}"
    return [Cell(label, client=summary.client), *(_cell(summary, of, others, form) for of in columns)]


def _cell(summary: Summary, of: MetricColumn, others: Sequence[Summary], form: Form) -> Cell:
    value = summary.value(of.name)
    over = effects.mean(rounds.values(summary, of.name).values())
    found = summary[of.name] if of.metric.kind == "share" else over
    if value is None or found is None or found.low is None or found.high is None:
        return Cell(value_text(of, value))
    half = (found.high - found.low) / 2
    values = [v for s in others if not s.client.control and (v := s.value(of.name)) is not None]
    wide = half > max(ALIKE * abs(value), max(values, default=0.0) - min(values, default=0.0))
    tone: Tone = "quiet" if wide and form == "html" else ""
    return Cell(value_text(of, value), "" if form == "summary" else f"±{number(scaled(of, half))}", tone)

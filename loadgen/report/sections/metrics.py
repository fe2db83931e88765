"""Every metric that is tabled, of every client at every level."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from loadgen.analysis.metrics import Column as MetricColumn
from loadgen.analysis.metrics import Topic, column, metrics, short
from loadgen.model import Summary
from loadgen.report.blocks import Cell, Column, Table, Text, Tone
from loadgen.report.columns import (
    interval_text,
    is_per_event,
    metric_heading,
    narrow,
    of_summaries,
    value_text,
    where,
)
from loadgen.report.language import _
from loadgen.report.sections.quality import TONES
from loadgen.report.sections.section import Block, Form, Section, View, by_level
from loadgen.report.text import clauses, joined, number, plain

VALIDITY_PRIORITY = 2
_THOUGHT = {"tokens": "tokens", "ms": "answer_ttft_p50_ms"}
TABLES: tuple[tuple[str, frozenset[Topic]], ...] = (
    ("Latency", frozenset({"streams", "latency"})),
    ("Client cost", frozenset({"cost"})),
)


class Metrics(Section):
    id = "metrics"
    title = "All metrics"
    short = "Metrics"
    forms = frozenset({"terminal", "markdown"})  # a page has it below the main figures

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        if not view.summaries:
            return
        if form == "html":
            for title, topics in TABLES:
                known = [
                    of
                    for of in _tabled(topics)
                    if view.concerns(of.metric) and any(s.value(of.name) is not None for s in view.summaries)
                ]
                yield _table(view, [(of, 0) for of in known], _(title), wide=True)
        else:
            yield _table(view, [of for of in short() if view.concerns(of[0].metric)], "")
        low = any(each.low_sample for s in view.summaries for each in s.values())
        legend = (
            _("TTFT, ITL, total and lag in ms; – not measured")
            if view.has_tokens
            else _("TTFB, gaps between reads and total in ms; – not measured")
        )
        notes = [_("~ low sample size")] * low
        if is_per_event():
            most = max(each for each in of_summaries(view.summaries) if each is not None)
            several = _(
                "ITL per event: text events carry up to {n} tokens, and gaps are those between events"
            )
            notes.append(several.format(n=number(most)))
        yield Text(clauses([legend, *notes]), "quiet")
        if thinking := clauses(_thinking(view)):
            yield Text(_("Thinking: {thinking}.").format(thinking=thinking), "quiet")
        if others := clauses(_others(view)):
            yield Text(_("Output that is no text: {others}.").format(others=others), "quiet")
        if ended := _ended(view):
            yield Text(
                _("Why the answers ended, in the server’s words: {ended}.").format(ended=ended), "quiet"
            )


def _thinking(view: View) -> Iterator[str]:
    """Yield how much each measurement thought before its answer began."""
    text = _("{where}: {thinking} of {tokens} tokens, the answer after {ms} ms (p50)")
    for s in view.summaries:
        if thinking := s.value("thinking_tokens"):
            numbers = {name: number(s.value(key)) for name, key in _THOUGHT.items()}
            yield text.format(where=where(s.client, s.level), thinking=number(thinking), **numbers)


def _others(view: View) -> Iterator[str]:
    """Yield in how many answers of each measurement there were calls of tools, and refusals."""
    kinds = {
        "tool_call": _("calls of tools in {some} of {all} answers ({events} events)"),
        "refusal": _("refusals in {some} of {all} answers ({events} events)"),
    }
    for s in view.summaries:
        texts = [
            text.format(
                some=number(streams), all=number(s.value("ok")), events=number(s.value(f"{kind}_events"))
            )
            for kind, text in kinds.items()
            if (streams := s.value(f"{kind}_streams"))
        ]
        if texts:
            yield _("{where}: {texts}").format(where=where(s.client, s.level), texts=joined(texts))


def _ended(view: View) -> str:
    """Return ``12 stop, 3 length``, by measurement where they differ; empty where the server gives no reasons."""
    texts = {
        where(s.client, s.level): joined(f"{n:,} {plain(name, 40)}" for name, n in s.finish_reasons.items())
        for s in view.summaries
    }
    if len({tuple(s.finish_reasons) for s in view.summaries}) == 1:
        return joined(
            f"{sum(s.finish_reasons[name] for s in view.summaries):,} {plain(name, 40)}"
            for name in view.summaries[0].finish_reasons
        )
    return clauses(_(": ").join(each) for each in texts.items() if each[1])


def _table(view: View, shown: Sequence[tuple[MetricColumn, int]], caption: str, wide: bool = False) -> Table:
    def cells(s: Summary) -> list[Cell]:
        return [
            *(_cell(s, of, wide) for of, _priority in shown),
            Cell(_(s.validity.value), tone=TONES[s.validity]),
        ]

    first, groups = by_level(view, cells)
    heads = [metric_heading(of) if wide else narrow(of) for of, _priority in shown]
    columns = [
        Column(first),
        *(
            Column(name, above, priority, tip=_(of.metric.description))
            for (above, name), (of, priority) in zip(heads, shown, strict=True)
        ),
        Column(_("validity"), "", VALIDITY_PRIORITY),
    ]
    return Table(columns, groups, caption)


def _tabled(topics: frozenset[Topic]) -> list[MetricColumn]:
    """Return the columns of the metrics of these topics: several for one with percentiles."""
    found = []
    for metric in metrics():
        if metric.topic in topics:
            columns = [column(metric.column(rank)) for rank in metric.ranks if rank in metric.tabled]
            found += [*columns, *([column(f"{metric.key}_n")] if columns and metric.count else [])]
    return found


def _cell(summary: Summary, of: MetricColumn, note: bool) -> Cell:
    found = summary[of.name]
    tone: Tone = "bad" if of.name == "errors" and found.value else "quiet" if of.part == "n" else ""
    mark = "~" if found.low_sample else ""
    return Cell(mark + value_text(of, found.value), interval_text(of, found) if note else "", tone)

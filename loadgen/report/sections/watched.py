"""The server's own metrics, on the time axis of the streams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from loadgen.model import ClientId, Level, WatchedFinding
from loadgen.report.blocks import Cell, Charts, Column, Heading, Table, Text
from loadgen.report.columns import at
from loadgen.report.language import _
from loadgen.report.sections.section import Block, Form, Section, View, by_level
from loadgen.report.sentences import sentences
from loadgen.report.text import flowing, joined, number, plain


class WatchedMetrics(Section):
    id = "watched"
    title = "What the server reported meanwhile"
    short = "Server metrics"
    forms = frozenset({"html", "terminal", "markdown"})

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        from loadgen.report.charts.watched import charts

        if not view.run.watched:
            return
        found = {(of.client, of.level): of for of in view.of(WatchedFinding)}
        yield Text(flowing([_about(view), _cost(view)]), "quiet")
        if any(of.running is not None or of.waiting is not None for of in found.values()):
            yield _table(view, found)
        if form != "html":
            return
        for of in found.values():
            if of.verdict == "agrees" and of.level == max(view.levels):
                yield Text(sentences(of).statement)
                break
        groups = [(level, charts(view.run, of, view.styles)) for level, of in view.repeats.items()]
        groups = [(level, made) for level, made in groups if made]
        for place, (level, made) in enumerate(groups):
            yield Heading(at(level))
            yield Charts(made, key=not place)


def _about(view: View) -> str:
    names = joined(dict.fromkeys(plain(each.url or each.name) for each in view.run.info.watched))
    return _("From {names}, once a second, by a process of its own beside the clients.").format(names=names)


def _cost(view: View) -> str:
    watched = view.run.info.watched
    answers = [each.answer_ms for each in watched if each.answer_ms is not None]
    cpu = [each.cpu_percent for each in watched if each.cpu_percent is not None]
    return _("An answer took {answer} ms (median), reading it {cpu} % of one core.").format(
        answer=number(max(answers, default=None)), cpu=number(max(cpu, default=None))
    )


def _table(view: View, found: Mapping[tuple[ClientId | None, Level | None], WatchedFinding]) -> Table:
    of_server = _("At the server (mean)")
    columns = (
        Column(_("streams in flight (mean)")),
        Column(_("running"), of_server),
        Column(_("waiting"), of_server),
        Column(_("cache used, at most (%)")),
        Column(_("readings"), priority=1),
    )

    def cells(of: WatchedFinding | None) -> list[Cell]:
        values = (
            (of.in_flight, of.running, of.waiting, of.cache, of.readings) if of else (None,) * len(columns)
        )
        return [Cell(number(value)) for value in values]

    first, rows = by_level(view, lambda s: cells(found.get((s.client, s.level))), at)
    shown = [
        place
        for place in range(len(columns))
        if any(_text(row[place + 1]) != number(None) for group in rows.values() for row in group)
    ]
    return Table(
        [Column(first), *(columns[place] for place in shown)],
        {
            name: [[row[0], *(row[place + 1] for place in shown)] for row in group]
            for name, group in rows.items()
        },
    )


def _text(cell: Cell | str) -> str:
    return cell.text if isinstance(cell, Cell) else cell

"""Where latency comes from: the TTFT divided into client and server, and the tokens that arrived late, by cause."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from loadgen.model import DelayFinding, Part, TimeFinding
from loadgen.report.blocks import Bullets, Cell, Charts, Column, Details, Row, Table, Text
from loadgen.report.columns import level_text, where
from loadgen.report.language import _
from loadgen.report.sections.section import Block, Form, Section, View
from loadgen.report.sentences import delivery_lag as english
from loadgen.report.sentences import sentences
from loadgen.report.sentences.times import PARTS, SHORT, contradictions, ttft
from loadgen.report.text import clauses, flowing, joined, number, percent


class DeliveryLag(Section):
    id = "delivery_lag"
    title = "Where latency comes from"
    short = "Latency"
    forms = frozenset({"html", "terminal"})

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        late = sorted(view.of(DelayFinding), key=lambda finding: finding.level or 0)
        first = sorted(view.of(TimeFinding), key=lambda finding: finding.level or 0)
        if form == "terminal":
            yield from _times(view, first)
            yield from _tables(view, late)
            return
        from loadgen.report.charts.stacks import late_tokens, times

        charts = [chart for chart in (*times(view, first), late_tokens(view, late)) if chart]
        if not charts:
            return
        yield Charts(charts, "two")
        notes = []
        if first:
            notes.append(
                _(
                    "The client’s parts of the TTFT are the time to wire, until it has sent the request, and the "
                    "delivery lag, until it has the token that the server sent. In between the request is on its way, "
                    "or waits to be accepted. Opening a connection (name lookup, connect, TLS handshake) is neither’s "
                    "alone. Load and prompt are what the server reports; the queue is what it "
                    "reports nothing about, in the time before the first token. The parts are means, so they add up."
                )
            )
            notes += contradictions(first)
        if late:
            text = _("A token is late that arrived more than {budget} ms after the server sent it.")
            notes.append(text.format(budget=f"{late[0].budget_ms:g}"))
        if late and (on_time := _on_time(view, late)):
            notes.append(_("No late tokens: {where}.").format(where=clauses(on_time)))
        yield Text(flowing(notes), "quiet")
        if first:
            yield Details(_("The TTFT as text"), [Bullets([sentences(of).statement for of in first])])
        text = _("{statement}. {details}")
        lines = [
            text.format(statement=of.statement, details=clauses(of.details)) for of in map(sentences, late)
        ]
        if lines:
            yield Details(_("Late tokens as text"), [Bullets(lines)])


def _times(view: View, found: Sequence[TimeFinding]) -> Iterable[Block]:
    """Yield the mean time of each part, as far as any of the measurements has it."""
    used = [part for part in PARTS if any(part in of.mean for of in found)]
    if not used:
        return
    columns = [Column(_("mean, ms")), Column(_("TTFT")), *(_column(SHORT[part]) for part in used)]
    rows: list[Row] = []
    for of in found:
        parts = (number(of.mean[part]) if part in of.mean else "" for part in used)
        rows.append([_name(view, of), number(sum(ttft(of.mean).values())), *parts])
    yield Table(columns, {"": rows})
    explained = {
        Part.UNRECEIVED: _("on its way: before the server had the request"),
        Part.QUEUE: _("queue: what the server reports nothing about, before the first token"),
        Part.DECODE: _("decode: from the first to the last token, not in the TTFT"),
    }
    yield Text(clauses(text for part, text in explained.items() if part in used), "quiet")
    yield from (Text(text, "quiet") for text in contradictions(found))


def _name(view: View, of: TimeFinding | DelayFinding) -> Cell:
    return Cell(level_text(of.level) if view.alone and of.level else where(of.client, of.level))


def _column(heading: str) -> Column:
    """Return a column whose heading takes two lines where it has several words."""
    above, _space, last = _(heading).rpartition(" ")
    return Column(last, above)


def _tables(view: View, found: list[DelayFinding]) -> Iterable[Block]:
    if not found:
        return
    causes = english.used(found)
    columns = [Column(view.alone), Column(_("late")), *(_column(english.SHORT[cause]) for cause in causes)]
    rows: list[Row] = []
    for finding in found:
        shares = {delay.cause: percent(delay.share) for delay in finding.delays}
        late = percent(finding.late / finding.tokens)
        rows.append([_name(view, finding), late, *(shares.get(cause, "") for cause in causes)])
    yield Table(columns, {"": rows})
    yield Text(
        _(
            "late: of all tokens, those that arrived over {budget} ms after the server sent them; the other columns "
            "divide these by cause"
        ).format(budget=f"{found[0].budget_ms:g}"),
        "quiet",
    )


def _on_time(view: View, late: Iterable[DelayFinding]) -> list[str]:
    """Return the clients without late tokens, with their levels."""
    not_these = {(finding.client, finding.level) for finding in late}
    found: dict[str, list[str]] = {}
    for s in view.by_level:
        if s.value("lag_n") and not s.client.control and (s.client, s.level) not in not_these:
            found.setdefault(s.client.label, []).append(level_text(s.level))
    return [_("{clients} at {level}").format(clients=c, level=joined(of)) for c, of in found.items()]

"""Where delivery lag came from: the tokens that arrived late, by cause."""

from __future__ import annotations

from collections.abc import Iterable

from loadgen.model import Cause, DelayFinding
from loadgen.report.blocks import Bullets, Cell, Column, Details, Markup, Row, Table, Text
from loadgen.report.language import _
from loadgen.report.sections.section import Block, Form, Section, View
from loadgen.report.sentences import delivery_lag as english
from loadgen.report.sentences import sentences
from loadgen.report.text import percent


class DeliveryLag(Section):
    id = "delivery_lag"
    title = "Where delivery lag came from"
    short = "Delivery lag"
    forms = frozenset({"html", "terminal"})

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        found = sorted(view.of(DelayFinding), key=lambda finding: finding.level or 0)
        if not found:
            return
        budget = f"{found[0].budget_ms:g}"
        causes = _causes(found)
        if form == "html":
            yield Markup(
                "delivery_lag.html", {"late": found, "causes": _causes, "english": english, "budget": budget}
            )
            lines = [f"{sentences(f).statement}. {'; '.join(sentences(f).details)}" for f in found]
            yield Details(_("As text"), [Bullets(lines)])
            if on_time := _on_time(view, found):
                yield Text(_("No late tokens: {where}.").format(where="; ".join(on_time)))
            return
        columns = [Column(""), Column(_("late")), *(Column(_(english.SHORT[cause])) for cause in causes)]
        rows: list[Row] = []
        for finding in found:
            shares = {delay.cause: percent(delay.share) for delay in finding.delays}
            where = _("{clients} at {level}").format(clients=finding.client, level=finding.level)
            late = percent(finding.late / finding.tokens)
            rows.append([Cell(where), late, *(shares.get(cause, "") for cause in causes)])
        yield Table(columns, {"": rows})
        yield Text(
            _(
                "late: of all tokens, those that arrived over {budget} ms after the server sent them; the other "
                "columns divide these by cause"
            ).format(budget=budget),
            "quiet",
        )


def _causes(findings: Iterable[DelayFinding]) -> list[Cause]:
    used = {delay.cause for finding in findings for delay in finding.delays}
    return [cause for cause in Cause if cause in used]


def _on_time(view: View, late: Iterable[DelayFinding]) -> list[str]:
    """Return the clients without late tokens, with their levels."""
    not_these = {(finding.client, finding.level) for finding in late}
    found: dict[str, list[str]] = {}
    for s in view.summaries:
        if s.value("lag_n") and not s.client.control and (s.client, s.level) not in not_these:
            found.setdefault(s.client.label, []).append(s.level.label)
    return [_("{clients} at {level}").format(clients=c, level=", ".join(of)) for c, of in found.items()]

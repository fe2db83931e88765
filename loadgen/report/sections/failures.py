"""Streams that failed, by client, level, outcome and status, with the most frequent errors, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from loadgen.analysis.measures import Measured
from loadgen.model import ClientId, Level
from loadgen.report.blocks import Cell, Charts, Column, Row, Table
from loadgen.report.columns import at
from loadgen.report.language import _
from loadgen.report.sections.section import Block, Form, Section, View
from loadgen.report.sentences.validity import outcome
from loadgen.report.text import NOT_MEASURED, clauses

SHOWN = 4


class Failures(Section):
    id = "failures"
    title = "Failures"

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        counts: dict[tuple[Level, ClientId, str, int], Counter[str]] = {}
        for recording in view.run.recordings:
            m = Measured(recording)
            of = (m.outcome, m.streams.status, m.streams.error)
            rows = zip(*(column[m.failed].tolist() for column in of), strict=True)
            for name, status, error in rows:
                key = recording.level, recording.client, name, status
                counts.setdefault(key, Counter())[error] += 1
        if not counts:
            return
        columns = [
            Column(_("client")), Column(_("streams")), Column(_("outcome"), text=True),
            Column(_("status"), priority=1), Column(_("errors"), text=True),
        ]  # fmt: skip
        ordered = sorted(counts.items(), key=lambda of: (of[0][0], of[0][1].label, -of[1].total()))
        groups: dict[str, list[Row]] = {}
        for (level, client, name, status), errors in ordered:
            groups.setdefault(at(level), []).append(_row(client, name, status, errors))
        yield Table(columns, groups, _("Failed streams by outcome, the warm-up included"))
        if form == "html":
            from loadgen.report.charts.failures import failures

            chart = failures(view.run.recordings, view.styles)
            if chart:
                yield Charts([chart], "one")


def _row(client: ClientId, name: str, status: int, errors: Counter[str]) -> Row:
    texts = [f"{text} × {n:,}" for text, n in errors.most_common(SHOWN) if text]
    if len(errors) > SHOWN:
        texts.append(_("and {n} other errors").format(n=len(errors) - SHOWN))
    return [
        Cell(client.label, client=client),
        f"{errors.total():,}",
        outcome(name, 1),
        str(status) if status > 0 else NOT_MEASURED,
        clauses(texts),
    ]

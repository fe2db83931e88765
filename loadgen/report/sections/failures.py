"""Streams that failed, by client, level and outcome, with the most frequent errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from loadgen.model import ClientId, Level, Outcome
from loadgen.report.blocks import Cell, Column, Row, Table
from loadgen.report.language import _
from loadgen.report.sections.section import Block, Form, Section, View
from loadgen.report.sentences.validity import outcome

SHOWN = 4


class Failures(Section):
    id = "failures"
    title = "Failed streams, with the most frequent errors"
    short = "Failures"

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        counts: dict[tuple[Level, ClientId, str], Counter[str]] = {}
        for recording in view.run.recordings:
            failed = recording.streams.rows(recording.streams.outcome != Outcome.OK.value)
            for name, error in zip(failed.outcome.tolist(), failed.error.tolist(), strict=True):
                counts.setdefault((recording.level, recording.client, name), Counter())[error] += 1
        rows: list[Row] = []
        for (level, client, name), errors in sorted(
            counts.items(), key=lambda of: (of[0][0], of[0][1].label)
        ):
            texts = [f"{text} × {n:,}" for text, n in errors.most_common(SHOWN) if text]
            if len(errors) > SHOWN:
                texts.append(_("and {n} other errors").format(n=len(errors) - SHOWN))
            rows.append(
                [
                    Cell(client.label, client=client),
                    level.label,
                    f"{errors.total():,}",
                    Cell(outcome(name, 1)),
                    "; ".join(texts),
                ]
            )
        if rows:
            columns = [
                Column(_("client")), Column(_("level")), Column(_("streams")), Column(_("outcome"), text=True),
                Column(_("errors"), text=True),
            ]  # fmt: skip
            yield Table(columns, {"": rows}, _("Failed streams by outcome, the warm-up included"))

"""The cells in the order in which they ran."""

from __future__ import annotations

from collections.abc import Iterable

from loadgen.report.blocks import Cell, Column, Row, Table
from loadgen.report.language import _
from loadgen.report.sections.section import Block, Form, Section, View


class Order(Section):
    id = "order"
    title = "Cells in the order in which they ran"
    short = "Order"
    forms = frozenset({"html"})
    folded = True

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        rows: list[Row] = []
        for place, repeat in enumerate(view.order, 1):
            recording = repeat.recording
            ended = [
                f"{part.recording.worker}: {part.recording.ended}"
                if part.recording.worker
                else part.recording.ended
                for part in repeat.parts
                if part.recording.ended
            ]
            rows.append(
                [
                    str(place),
                    Cell(recording.client.label, client=recording.client),
                    recording.level.label,
                    str(recording.repeat + 1),
                    "; ".join(ended),
                ]
            )
        if rows:
            columns = [
                Column(_("cell")), Column(_("client"), text=True), Column(_("level")), Column(_("round")),
                Column(_("ended early"), text=True),
            ]  # fmt: skip
            yield Table(columns, {"": rows})

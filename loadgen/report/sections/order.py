"""The cells in the order in which they ran."""

from __future__ import annotations

from loadgen.report.sections.section import Section, View


class Order(Section):
    id = "order"
    title = "Cells in the order in which they ran"
    short = "Order"

    def applies(self, view: View) -> bool:
        return bool(view.run.recordings)

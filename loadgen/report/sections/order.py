"""The cells in the order in which they ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadgen.report.page import TEXT
from loadgen.report.sections.section import Page, Section, View
from loadgen.report.text import plain

if TYPE_CHECKING:
    from loadgen.analysis.repeats import Repeat


class Order(Section):
    id = "order"
    title = "Cells in the order in which they ran"
    short = "Order"

    def applies(self, view: View) -> bool:
        return bool(view.run.recordings)

    def html(self, view: View, page: Page) -> str:
        cells = [
            {
                "style": view.styles.get(repeat.recording.client),
                "client": plain(repeat.recording.client.label, 60),
                "level": repeat.recording.level.value,
                "repeat": repeat.recording.repeat + 1,
                "ended": _ended(repeat),
            }
            for repeat in view.order
        ]
        return page.section(self.id, cells=cells)


def _ended(repeat: Repeat) -> str:
    """Return why the cell, or a worker's part of it, did not run to its end."""
    parts = [m.recording for m in repeat.parts if m.recording.ended]
    return "; ".join(plain(f"{p.worker}: {p.ended}" if p.worker else p.ended, TEXT) for p in parts)

"""How to read the report: its terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadgen.report.sections.section import Section

if TYPE_CHECKING:
    from loadgen.report.page import Page
    from loadgen.report.view import View


class Glossary(Section):
    id = "glossary"
    title = "How to read it"

    def html(self, view: View, page: Page) -> str:
        return page.section(self.id, distributed=view.distributed)

"""What a section of a report is: one class, one file, one line in the table of sections."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.console import RenderableType

from loadgen.report.page import Page
from loadgen.report.screen import Screen
from loadgen.report.view import View

__all__ = ["Page", "Rendered", "Screen", "Section", "View"]

Rendered = Iterable[RenderableType]


class Section:
    """One part of a report. A subclass overrides the forms that it has; the others stay empty.

    ``id`` names it in links and names its template, ``templates/sections/<id>.html``. ``title`` is its heading, and
    ``short`` its name in the navigation. A section without a title stands above the navigation.
    """

    id: ClassVar[str]
    title: ClassVar[str] = ""
    short: ClassVar[str] = ""

    def applies(self, view: View) -> bool:
        """Return whether it has something to say about this run."""
        return True

    def heading(self, view: View) -> str:
        """Return its heading for this run."""
        return self.title

    def html(self, view: View, page: Page) -> str:
        """Return its markup, without heading: usually ``page.section(self.id, ...)``."""
        return ""

    def terminal(self, view: View, screen: Screen) -> Rendered:
        """Yield its lines and tables, without heading."""
        return ()

    def markdown(self, view: View) -> str:
        """Return its Markdown, without heading."""
        return ""

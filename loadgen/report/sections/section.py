"""What a section of a report is: one class, one file, one line in the table of sections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from rich.console import RenderableType

from loadgen.model import Finding
from loadgen.report.page import Page
from loadgen.report.screen import Screen
from loadgen.report.view import View

__all__ = ["Rendered", "Screen", "Section", "View"]

Rendered = Iterable[RenderableType]


class Section:
    """One part of a report. A subclass has a template, and overrides what it needs; other forms stay empty.

    ``id`` names it in links. ``title`` is its heading, ``short`` its name in the navigation; a section without a title
    stands above the navigation. ``template`` is its markup in Jinja; where it is empty, that is in the file
    ``templates/sections/<id>.html``. ``finding`` is the kind of finding that it shows: a run without any has no such
    section.
    """

    id: ClassVar[str]
    title: ClassVar[str] = ""
    short: ClassVar[str] = ""
    template: ClassVar[str] = ""
    finding: ClassVar[type[Finding] | None] = None

    def applies(self, view: View) -> bool:
        """Return whether it has something to say about this run."""
        return self.finding is None or bool(view.of(self.finding))

    def heading(self, view: View) -> str:
        """Return its heading for this run."""
        return self.title

    def context(self, view: View) -> Mapping[str, Any]:
        """Return what its template needs besides ``view`` and ``findings``, those of its kind."""
        return {}

    def html(self, view: View, page: Page) -> str:
        """Return its markup, without heading: its template, rendered."""
        findings = view.of(self.finding) if self.finding else ()
        return page.section(self.id, self.template, view=view, findings=findings, **self.context(view))

    def terminal(self, view: View, screen: Screen) -> Rendered:
        """Yield its lines and tables, without heading."""
        return ()

    def markdown(self, view: View) -> str:
        """Return its Markdown, without heading."""
        return ""

"""What a section of a report is: one class, one file, one line in the table of sections."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from loadgen.report.blocks import Block, Form
from loadgen.report.view import View

__all__ = ["Block", "Form", "Section", "View"]


class Section:
    """One part of a report. It yields blocks; where it yields none, the report has no such section.

    ``id`` names it in links. ``title`` is its heading, ``short`` its name in the navigation. ``forms`` are those that
    it has. On a page it stands ``top``, above the navigation, or is ``folded`` until the reader unfolds it.
    """

    id: ClassVar[str]
    title: ClassVar[str] = ""
    short: ClassVar[str] = ""
    forms: ClassVar[frozenset[Form]] = frozenset({"html", "terminal", "markdown"})
    top: ClassVar[bool] = False
    folded: ClassVar[bool] = False

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        """Yield what it has to say about this run, in this form."""
        raise NotImplementedError

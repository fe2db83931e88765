"""What a section of a report is: one class, one file, one line in the table of sections."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar

from loadgen.model import Level, Summary
from loadgen.report.blocks import Block, Cell, Form, Row
from loadgen.report.columns import level_text
from loadgen.report.language import _
from loadgen.report.view import View

__all__ = ["Block", "Form", "Section", "View"]


def by_level(
    view: View, cells: Callable[[Summary], Sequence[Cell | str]], heading: Callable[[Level], str] = level_text
) -> tuple[str, Mapping[str, Sequence[Row]]]:
    """Return the heading of the first column, and the rows: by level, or one per level of a single client."""
    alone = view.alone and not any(s.client.control for s in view.summaries)
    groups: dict[str, list[Row]] = {}
    for level, of_level in view.levels.items():
        rows = groups.setdefault("" if alone else heading(level), [])
        for s in of_level:
            rows.append([Cell(level_text(level) if alone else s.client.label, client=s.client), *cells(s)])
    return view.alone if alone else _("client"), groups


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

"""The report as a rich renderable that fits the console."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType
from rich.text import Text

from loadgen.report.screen import OnScreen, Screen
from loadgen.report.sections import shown
from loadgen.report.view import View


def report(view: View) -> OnScreen:
    """Return the terminal's form of every section that has one."""

    def parts(screen: Screen) -> Iterable[RenderableType]:
        for section in shown(view):
            if lines := list(section.terminal(view, screen)):
                if title := section.heading(view):
                    yield screen.text(title, "bold")
                yield from lines
                yield Text("")

    return OnScreen(parts)

"""The report as a rich renderable that fits the console."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from loadgen.report.screen import Screen
from loadgen.report.sections import shown

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from loadgen.report.view import View


@dataclass(frozen=True, slots=True)
class Terminal:
    """The terminal's form of every section that has one."""

    view: View

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        screen = Screen.of(options)
        for section in shown(self.view):
            if parts := list(section.terminal(self.view, screen)):
                if title := section.heading(self.view):
                    yield screen.text(title, "bold")
                yield from parts
                yield Text("")

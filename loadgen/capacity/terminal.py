"""A search on the terminal while it runs: a line for each cell, and on a terminal what is measured now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from rich.console import Console
from rich.live import Live
from rich.text import Text

from loadgen.capacity.document import verdict
from loadgen.capacity.figures import figures
from loadgen.capacity.loads import Goal
from loadgen.capacity.objectives import ServerObjectives
from loadgen.capacity.readings import Reading
from loadgen.capacity.search import SearchListener
from loadgen.capacity.sentences import describe, label
from loadgen.model import ClientId, Level
from loadgen.report.blocks import Cell, Column, Table
from loadgen.report.columns import level_text
from loadgen.report.language import _, plural
from loadgen.report.progress import paragraph
from loadgen.report.renderers.terminal import INDENT, Layout, OnScreen, Screen
from loadgen.report.text import beside, flowing

WIDE = "9,999"  # as wide as any figure


class Notes(SearchListener):
    """Print messages only."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)

    def interrupted(self) -> None:
        text = _("Interrupted. This measurement ends now, then what is known is printed.")
        self.note(flowing([text, _("Ctrl-C again ends at once.")]))

    def note(self, text: str) -> None:
        paragraph(self._console, text, "warn", " " * INDENT)


class Lines(Notes):
    """Print what is searched for, then a line for each cell."""

    def __init__(
        self, console: Console, clients: Sequence[ClientId], goal: Goal, name: str = "", *, rate: bool = False
    ) -> None:
        super().__init__(console)
        self._labels = [label(client) for client in clients]
        self._figures = [figure for figure in figures(goal, {}) if any(figure.narrow)]
        self._level = _("per second") if rate else _("streams")
        several = plural(len(clients), "{n} client", "{n} clients")
        text = _("the most streams within the budget: {budget}").format(budget=describe(goal))
        if isinstance(goal, ServerObjectives):
            text = _("the highest level within the objectives: {objectives}").format(
                objectives=describe(goal)
            )
        paragraph(console, "  ".join(filter(None, [name, several])), "strong")
        paragraph(console, text, "quiet")
        console.print()
        console.print(OnScreen(self._head))

    def step_ends(self, reading: Reading) -> None:
        self._console.print(OnScreen(partial(self._row, reading)))

    def _head(self, screen: Screen) -> Iterator[Text]:
        return (Text(" " * INDENT) + line for line in self._layout(screen).head())

    def _row(self, of: Reading, screen: Screen) -> Iterator[Text]:
        row: list[str | Cell] = [
            label(of.client),
            f"{of.level.value:,g}",
            *(figure.text(of) for figure in self._figures),
            verdict(of),
        ]
        return (Text(" " * INDENT) + line for line in self._layout(screen).row(row))

    def _layout(self, screen: Screen) -> Layout:
        figures = [Column(below, above) for above, below in (figure.narrow for figure in self._figures)]
        columns = [
            Column(_("client")),
            Column(self._level),
            *figures,
            Column(_("verdict"), text=True),
        ]
        rows = [[each, WIDE, *(WIDE for _ in figures), ""] for each in self._labels]
        return Screen(screen.width - INDENT, screen.ascii_only).layout(Table(columns, {"": rows}))


class OnTerminal(Lines):
    """Print the same, and below it what is measured now."""

    def __init__(
        self, console: Console, clients: Sequence[ClientId], goal: Goal, name: str = "", *, rate: bool = False
    ) -> None:
        super().__init__(console, clients, goal, name, rate=rate)
        self._live = Live(Text(), console=console, refresh_per_second=4, transient=True)

    def step_begins(self, client: ClientId, level: Level) -> None:
        self._live.update(
            Text.assemble("\n", (beside(label(client), level_text(level)), "bold"), _(": "), _("measuring"))
        )

    def __enter__(self) -> OnTerminal:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
        self._console.print()

"""The terminal that a report is printed to: its width, its characters, and the tables that fit it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.box import Box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loadgen.model import Level
from loadgen.report.text import plain

STYLES: Mapping[str, str] = {  # how a word is printed that stands alone in its cell
    "valid": "green", "held": "green", "supports": "green", "supported": "bold green",
    "suspect": "yellow", "noise": "yellow", "mixed": "yellow", "undecided": "yellow",
    "invalid": "bold red", "failed": "bold red", "contradicted": "bold red", "contradicts": "red",
    "once": "dim",
}  # fmt: skip
TEXT_LIMIT = 2000  # characters of one text
LABEL_LIMIT = 42  # of a client, with its indent
GAP = 2
RULED = Box("    \n    \n ── \n    \n    \n    \n    \n    \n")
RULED_ASCII = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
_ASCII = str.maketrans(
    {"–": "-", "−": "-", "µ": "u", "…": "...", "×": "x", "÷": "/", "≤": "<=", "≥": ">=", "→": "->"}
    | {"✓": "+", "✗": "x", "±": "+-", "’": "'"}
)


@dataclass(frozen=True, slots=True)
class GridColumn:
    """A column of :meth:`Screen.grid`: two lines of heading, and a cell per row.

    Where there is no room for all columns, the one with the highest ``priority`` is dropped first.
    """

    heading: tuple[str, str]
    cells: Sequence[Text]
    priority: int = 0

    @property
    def width(self) -> int:
        """Return how many cells of the terminal it takes."""
        return GAP + max(cell_len(text) for text in (*self.heading, *(cell.plain for cell in self.cells)))


@dataclass(frozen=True, slots=True)
class Screen:
    """A terminal of ``width`` cells; ``ascii_only`` where its encoding has nothing else."""

    width: int
    ascii_only: bool = False

    def spell(self, text: str) -> str:
        """Return ``text`` in characters that the terminal has."""
        if not self.ascii_only:
            return text
        return text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")

    def text(self, text: object, style: str = "", *, limit: int = TEXT_LIMIT) -> Text:
        """Return text that may come from a server or a file, made harmless."""
        return Text(self.spell(plain(text, limit)), style=style)

    def word(self, word: object) -> Text:
        """Return a verdict in its colour."""
        return self.text(word, STYLES.get(str(word), ""))

    def table(self) -> Table:
        """Return an empty table with a line below its head and no frame."""
        box = RULED_ASCII if self.ascii_only else RULED
        return Table(box=box, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))

    def grid(self, rows: Sequence[tuple[Level, str]], columns: Sequence[GridColumn]) -> tuple[Table, int]:
        """Return a table with a row per level and client label, and how many columns had no room."""
        labels = [self.text(f"  {label}", limit=LABEL_LIMIT) for _, label in rows]
        titles = {level: self.text(level.label, "bold") for level, _ in rows}
        room = self.width - max(text.cell_len for text in (*labels, *titles.values()))
        shown: list[GridColumn] = []
        for column in sorted(columns, key=lambda each: each.priority):
            room -= column.width
            if room < 0:
                break
            shown.append(column)
        shown = [column for column in columns if column in shown]
        table, above = self.table(), ""
        table.add_column(Text("\nclient"), no_wrap=True, overflow="ellipsis")
        for column in shown:
            first, second = map(self.spell, column.heading)
            heading = Text(f"{'' if first == above else first}\n{second}")
            table.add_column(heading, justify="right", no_wrap=True, min_width=column.width - GAP)
            above = first
        before = None
        for place, (level, _) in enumerate(rows):
            if level != before:
                table.add_row(titles[level])
            before = level
            table.add_row(labels[place], *(column.cells[place] for column in shown))
        return table, len(columns) - len(shown)

    def verdicts(self, rows: Iterable[tuple[object, str, Sequence[str]]]) -> RenderableType:
        """Return a verdict per row, with a statement and details beside it."""
        grid = Table.grid(padding=(0, GAP, 0, 0))
        grid.add_column(no_wrap=True, min_width=9)
        grid.add_column()
        for verdict, statement, details in rows:
            lines = [self.text(statement), *(self.text(line, "dim") for line in details)]
            grid.add_row(self.word(verdict), Group(*lines))
        return grid

    def rows(self, rows: Sequence[Sequence[object]]) -> RenderableType:
        """Return columns as wide as they need to be; the last one is cut where there is no room."""
        texts = [[self.spell(plain(cell, TEXT_LIMIT)) for cell in row] for row in rows]
        if not texts:
            return Group()
        grid = Table.grid(padding=(0, GAP, 0, 0))
        room = self.width - GAP
        for column in list(zip(*texts, strict=True))[:-1]:
            grid.add_column(no_wrap=True, min_width=max(map(cell_len, column)))
            room -= max(map(cell_len, column)) + GAP
        grid.add_column(no_wrap=True, overflow="crop")
        for row in texts:
            cells = [Text(cell, style=STYLES.get(cell, "")) for cell in row]
            # rich would take the room from the other columns
            cells[-1].truncate(max(room, 0), overflow="crop" if self.ascii_only else "ellipsis")
            grid.add_row(*cells)
        return Padding(grid, (0, 0, 0, GAP))


@dataclass(frozen=True, slots=True)
class OnScreen:
    """A rich renderable: what ``parts`` yields for the screen that it is printed on."""

    parts: Callable[[Screen], Iterable[RenderableType]]

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        yield from self.parts(Screen(options.max_width, options.ascii_only))


def width_of(rows: Sequence[Sequence[str]]) -> int:
    """Return how many cells :meth:`Screen.rows` takes for these."""
    return sum(GAP + max(map(cell_len, column)) for column in zip(*rows, strict=True))

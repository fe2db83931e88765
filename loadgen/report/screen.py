"""The terminal that a report is printed to: its width, its characters, and the tables that fit it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.box import Box
from rich.cells import cell_len
from rich.console import ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loadgen.report.text import plain

STYLES: Mapping[str, str] = {  # how a word is printed that stands alone in its cell
    "valid": "green", "held": "green", "supports": "green", "supported": "bold green",
    "suspect": "yellow", "noise": "yellow", "undecided": "yellow",
    "invalid": "bold red", "failed": "bold red", "contradicted": "bold red", "contradicts": "red",
    "once": "dim",
}  # fmt: skip
TEXT_LIMIT = 2000  # characters of one text
GAP = 2
RULED = Box("    \n    \n ── \n    \n    \n    \n    \n    \n")
RULED_ASCII = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
_ASCII = str.maketrans(
    {"–": "-", "−": "-", "µ": "u", "…": "...", "×": "x", "÷": "/", "≤": "<=", "≥": ">=", "→": "->"}
    | {"✓": "+", "✗": "x", "±": "+-", "’": "'"}
)


@dataclass(frozen=True, slots=True)
class Screen:
    """A terminal of ``width`` cells; ``ascii_only`` where its encoding has nothing else."""

    width: int
    ascii_only: bool = False

    @classmethod
    def of(cls, options: ConsoleOptions) -> Screen:
        """Return the screen of a rich console."""
        return cls(options.max_width, options.ascii_only)

    def spell(self, text: str) -> str:
        """Return ``text`` in characters that the terminal has."""
        return spell_ascii(text) if self.ascii_only else text

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

    def verdicts(self, rows: Iterable[tuple[object, Sequence[Text]]]) -> RenderableType:
        """Return a verdict per row, with lines beside it."""
        grid = Table.grid(padding=(0, GAP, 0, 0))
        grid.add_column(no_wrap=True, min_width=9)
        grid.add_column()
        for verdict, lines in rows:
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
            cells[-1].truncate(max(room, 0))  # rich would take the room from the other columns
            grid.add_row(*cells)
        return Padding(grid, (0, 0, 0, GAP))


def spell_ascii(text: str) -> str:
    """Return ``text`` in ASCII."""
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")


def width_of(rows: Sequence[Sequence[str]]) -> int:
    """Return how many cells :meth:`Screen.rows` takes for these."""
    return sum(GAP + max(map(cell_len, column)) for column in zip(*rows, strict=True))

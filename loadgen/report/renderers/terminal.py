"""A document in the terminal, as a rich renderable that fits the console: no cut words, no trailing blanks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatchmethod
from itertools import groupby

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text as RichText

from loadgen.report import blocks
from loadgen.report.blocks import Block, Cell, Document, Row, Table, Tone
from loadgen.report.language import WIDE
from loadgen.report.text import flowing, plain

TEXT_LIMIT = 2000  # characters of one text
GAP = 2
INDENT = 2
SUMMARY_LINES = 23  # of a terminal with 24, below which there is a prompt
SUMMARY_ROWS = 7  # of its table; more make it longer
FOOTER_LINES = 2  # where the report is, and how to see more
MIN_SENTENCES = 2
STYLES: Mapping[Tone, str] = {
    "": "", "quiet": "dim", "strong": "bold", "good": "green", "warn": "yellow", "bad": "bold red",
}  # fmt: skip
_JOINT = "\ue000"  # a space at which no line breaks
_BREAK = "\x1f"  # where a line may break without a space: rich takes it for one, of no width
_UNITS = re.compile(  # a number stays on one line with its unit, or with its measure word
    rf"(?<=\d) (?=(%|ms|µs|s|KiB|MiB|tokens/s)(?!\w)|[{WIDE}])"
)
_OPEN = "（《“「"  # no line ends with them
_CLOSE = "，。；：！？、）》”」…%"  # no line begins with them
_BREAKS = re.compile(  # before and after Chinese characters
    rf"(?<=[{WIDE}])(?<![{_OPEN}])(?![{_CLOSE}\s{_JOINT}])|(?<![{_OPEN}\s{_JOINT}])(?=[{WIDE}])(?![{_CLOSE}])"
)
_ASCII = str.maketrans(
    {"↻": "*", "–": "-", "−": "-", "µ": "u", "…": "...", "×": "x", "÷": "/", "≤": "<=", "≥": ">=", "→": "->"}
    | {"✓": "+", "✗": "x", "±": "+-", "’": "'"}
)


@dataclass(frozen=True, slots=True)
class OnScreen:
    """A rich renderable of lines that depend on the console's width and encoding."""

    lines: Callable[[Screen], Iterable[RichText]]

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        for line in self.lines(Screen(options.max_width, options.ascii_only)):
            line.rstrip()
            line.no_wrap, line.overflow = True, "ignore"
            yield line


def report(document: Document) -> OnScreen:
    """Return every part with its heading."""

    def lines(screen: Screen) -> Iterable[RichText]:
        if document.title:
            yield from screen.wrapped(document.title, "strong")
        for place, part in enumerate(document.parts):
            if place or document.title:
                yield RichText("")
            if part.title:
                yield screen.text(part.title, "strong")
            yield from screen.all(part.blocks)

    return OnScreen(lines)


def summary(document: Document) -> OnScreen:
    """Return the last screen of a command: what was run, the answer, the figures, the verdicts.

    Sentences of the answer flow together; the last ones are left out where there is no room for all.
    """

    def lines(screen: Screen) -> Iterable[RichText]:
        inner = Screen(screen.width - INDENT, screen.ascii_only)
        answer = [block for part in document.parts if part.id == "answer" for block in part.blocks]
        texts = [block for block in answer if isinstance(block, blocks.Text)]
        others = [block for part in document.parts if part.id != "answer" for block in part.blocks]
        rows = sum(
            len(group) for block in others if isinstance(block, Table) for group in block.groups.values()
        )
        head = [*screen.wrapped(document.title, "strong"), RichText("")]
        rest = list(_spaced(inner, others))
        room = SUMMARY_LINES - FOOTER_LINES + max(0, rows - SUMMARY_ROWS) - len(head) - len(rest)
        shown = list(_flowing(inner, texts))
        while len(shown) > room and len(texts) > MIN_SENTENCES:
            texts.pop()
            shown = list(_flowing(inner, texts))
        yield from head
        yield from (RichText(" " * INDENT) + line for line in [*shown, *rest])

    return OnScreen(lines)


def _flowing(screen: Screen, texts: Sequence[blocks.Text]) -> Iterator[RichText]:
    """Yield failures by themselves, and the other sentences as one paragraph."""
    for tone, of in groupby(texts, key=lambda text: text.tone):
        yield from screen.wrapped(flowing(text.text for text in of), tone)


def _spaced(screen: Screen, found: Iterable[Block]) -> Iterator[RichText]:
    """Yield the lines of blocks, a table with space around it."""
    for block in found:
        space = [RichText("")] if isinstance(block, Table) else []
        yield from (*space, *screen.lines(block), *space)


@dataclass(frozen=True, slots=True)
class Screen:
    """A terminal of ``width`` cells; ``ascii_only`` where its encoding has nothing else."""

    width: int
    ascii_only: bool = False

    def encodable(self, text: str) -> str:
        """Return ``text`` in characters that the terminal's encoding has."""
        if not self.ascii_only:
            return text
        return text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")

    def text(self, text: str, tone: Tone = "") -> RichText:
        """Return text that may come from a server or a file, made harmless, on one line."""
        return RichText(self.encodable(plain(text, TEXT_LIMIT)), style=STYLES[tone])

    def wrapped(
        self, text: str, tone: Tone = "", indent: int = 0, first: int | None = None
    ) -> Iterator[RichText]:
        """Yield the text's lines, indented; the first by ``first``."""
        first = indent if first is None else first
        # rich breaks a line at a no-break space too
        joined = RichText(_BREAKS.sub(_BREAK, _UNITS.sub(_JOINT, self.text(text).plain)), style=STYLES[tone])
        lines = joined.wrap(Console(width=self.width), max(10, self.width - max(indent, first)))
        for place, line in enumerate(lines):
            shown = RichText(line.plain.replace(_JOINT, " ").replace(_BREAK, ""), style=STYLES[tone])
            yield RichText(" " * (indent if place else first)) + shown

    def all(self, found: Iterable[Block]) -> Iterator[RichText]:
        """Yield the lines of the blocks."""
        for block in found:
            yield from self.lines(block)

    @singledispatchmethod
    def lines(self, _: Block) -> Iterator[RichText]:
        """Yield the lines of a block; none for one that only a page can show."""
        return iter(())

    @lines.register
    def _(self, block: blocks.Text) -> Iterator[RichText]:
        yield from self.wrapped(block.text, block.tone)

    @lines.register
    def _(self, block: blocks.Heading) -> Iterator[RichText]:
        yield RichText("")
        yield self.text(block.text, "strong")

    @lines.register
    def _(self, block: blocks.Bullets) -> Iterator[RichText]:
        for item in block.items:
            yield from self.wrapped(item, block.tone, indent=2)

    @lines.register
    def _(self, block: blocks.Verdict) -> Iterator[RichText]:
        word = self.text(block.word, block.tone)
        indent = cell_len(word.plain) + GAP
        first, *rest = self.wrapped(block.statement, indent=indent, first=0)
        yield word + RichText(" " * GAP) + first
        yield from rest
        for line in block.details:
            yield from self.wrapped(line, "quiet", indent=indent)

    @lines.register
    def _(self, block: blocks.Details) -> Iterator[RichText]:
        yield from self.all(block.blocks)

    @lines.register
    def _(self, block: blocks.Facts) -> Iterator[RichText]:
        for title, facts in block.groups.items():
            yield self.text(title, "quiet")
            for name, value in facts:
                yield from self.wrapped(f"{name}: {value}", indent=4, first=2)

    @lines.register
    def _(self, block: Table) -> Iterator[RichText]:
        if not any(block.groups.values()):
            return
        layout = self.layout(block)
        if block.caption:
            yield self.text(block.caption, "strong")
        yield from layout.head()
        for heading, group in block.groups.items():
            if heading:
                yield self.text(heading, "strong")
            for row in group:
                yield from layout.row(row)

    def layout(self, block: Table) -> Layout:
        """Return where its columns stand: notes are dropped, then columns, until the rows that it has fit.

        A last column of text is wrapped.
        """
        rows = [list(blocks.cells(row)) for group in block.groups.values() for row in group]
        indent = 2 if any(block.groups) else 0
        for notes in (True, False):
            widths = _widths(self, block, rows, notes)
            if sum(widths) + GAP * (len(widths) - 1) + indent <= self.width:
                break
        shown = _fitting(block, widths, self.width - indent)
        return Layout(self, block, shown, {place: widths[place] for place in shown}, notes, indent)


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns of a table are shown, how wide each is, and whether notes are."""

    screen: Screen
    table: Table
    shown: Sequence[int]
    widths: Mapping[int, int]
    notes: bool
    indent: int

    def head(self) -> Iterator[RichText]:
        columns = [self.table.columns[place] for place in self.shown]
        if any(column.above for column in columns):
            line = RichText(" " * self.indent)
            for above, of in groupby(self.shown, key=lambda place: self.table.columns[place].above):
                places = list(of)
                room = sum(self.widths[place] for place in places) + GAP * (len(places) - 1)
                gap = " " * (GAP if places[0] != self.shown[0] else 0)
                text = self.screen.text(above, "quiet")
                pad = RichText(" " * max(0, room - text.cell_len))
                line += RichText(gap) + (pad + text if len(places) == 1 else text + pad)
            yield line
        if any(column.heading for column in columns):
            yield self._line([Cell(column.heading, tone="quiet") for column in columns])

    def row(self, row: Row) -> Iterator[RichText]:
        cells = list(blocks.cells(row))
        found = [cells[place] for place in self.shown]
        last = self.table.columns[self.shown[-1]]
        if len(found) == 1:
            yield from self.screen.wrapped(_shown(found[0], self.notes), found[0].tone, indent=self.indent)
            return
        if not last.text:
            yield self._line(found)
            return
        before = self._line([*found[:-1], Cell("")])
        start = self.indent + sum(self.widths[place] + GAP for place in self.shown[:-1])
        lines = list(
            self.screen.wrapped(_shown(found[-1], self.notes), found[-1].tone, indent=start, first=0)
        )
        before.rstrip()
        before.append(" " * (start - before.cell_len))
        yield before + lines[0] if lines else before
        yield from lines[1:]

    def _line(self, cells: Sequence[Cell]) -> RichText:
        line = RichText(" " * self.indent)
        for n, (place, cell) in enumerate(zip(self.shown, cells, strict=True)):
            text = self.screen.text(_shown(cell, self.notes), cell.tone)
            room = RichText(" " * max(0, self.widths[place] - text.cell_len))
            left = self.table.columns[place].text or place == 0
            line += RichText(" " * (GAP if n else 0)) + (text + room if left else room + text)
        return line


def _shown(cell: Cell, notes: bool) -> str:
    return f"{cell.text} ({cell.note})" if notes and cell.note else cell.text


def _widths(screen: Screen, table: Table, rows: Sequence[Sequence[Cell]], notes: bool) -> list[int]:
    """Return the width of each column; the last of several below one heading makes room for that."""
    widths = [
        max(
            cell_len(screen.encodable(column.heading)),
            *(screen.text(_shown(row[place], notes)).cell_len for row in rows),
        )
        for place, column in enumerate(table.columns)
    ]
    for above, of in groupby(range(len(widths)), key=lambda place: table.columns[place].above):
        places = list(of)
        room = sum(widths[place] for place in places) + GAP * (len(places) - 1)
        widths[places[-1]] += max(0, cell_len(screen.encodable(above)) - room)
    return widths


def _fitting(table: Table, widths: Sequence[int], room: int) -> list[int]:
    """Return the places of the columns that fit, those with the highest priority left out; the first always does."""
    shown = list(range(len(widths)))
    wraps = table.columns[-1].text
    while (
        len(shown) > 1
        and sum(widths[p] + GAP for p in shown[:-1]) + (20 if wraps else widths[shown[-1]]) > room
    ):
        last = max(shown[1:], key=lambda place: (table.columns[place].priority, place))
        shown.remove(last)
        wraps = table.columns[shown[-1]].text
    return shown

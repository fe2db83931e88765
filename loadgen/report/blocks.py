"""What a page consists of: blocks of data, which each renderer prints in its own form.

A section yields blocks; a :class:`Document` is a report, a comparison or the result of a search. The renderers in
:mod:`loadgen.report.renderers` print all of them, so that a new section is data alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from loadgen.model import ClientId
from loadgen.report.client_style import Styles

if TYPE_CHECKING:
    from loadgen.report.charts.style import Chart

# summary: the last screen of a command; terminal: everything that a terminal can show.
Form = Literal["html", "terminal", "markdown", "summary"]
Tone = Literal["", "quiet", "strong", "good", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading within a section."""

    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list."""

    items: Sequence[str]
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A statement with its verdict in front; ``tone`` is how the verdict looks."""

    word: str
    statement: str
    tone: Tone
    details: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table; ``note`` is what stands beside the text where there is room, such as an interval.

    ``client`` has its mark in front.
    """

    text: str
    note: str = ""
    tone: Tone = ""
    client: ClientId | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; neighbours with the same ``above`` share that heading.

    Where there is no room for all columns, the one with the highest ``priority`` is left out first. ``tip`` explains
    it. ``text``: aligned to the left, and wrapped where it is long.
    """

    heading: str
    above: str = ""
    priority: int = 0
    text: bool = False
    tip: str = ""


Row = Sequence[Cell | str]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns; the first column names the row. ``groups`` have their rows by heading, which may be empty."""

    columns: Sequence[Column]
    groups: Mapping[str, Sequence[Row]]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, by title."""

    groups: Mapping[str, Sequence[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Charts:
    """Charts side by side: ``many`` small ones, as many ``wide`` ones as fit, at most ``two``, or ``one``.

    ``key`` explains the clients' marks.
    """

    charts: Sequence[Chart]
    layout: Literal["wide", "many", "two", "one"] = "wide"
    key: bool = False


@dataclass(frozen=True, slots=True)
class Markup:
    """HTML of its own: a template of ``templates/`` with what it needs. Other forms have none of it."""

    template: str
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Details:
    """Blocks that are folded away until someone wants them."""

    title: str
    blocks: Sequence[Block]


Block = Text | Heading | Bullets | Verdict | Table | Facts | Charts | Markup | Details


@dataclass(frozen=True, slots=True)
class Part:
    """A section of a document. ``top``, or without a title, it stands above the navigation; ``folded`` until someone
    wants it.
    """

    id: str
    title: str
    blocks: Sequence[Block]
    short: str = ""
    folded: bool = False
    top: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A page: its title, what kind of page it is, the lines below the title, its parts, how clients are drawn.

    ``files`` can be saved from the page: their text by name.
    """

    title: str
    kind: str
    parts: Sequence[Part]
    about: Sequence[str] = ()
    styles: Styles = field(default_factory=dict)
    footer: str = ""
    files: Mapping[str, str] = field(default_factory=dict)


def cells(row: Row) -> Iterable[Cell]:
    """Return the cells of a row."""
    return (cell if isinstance(cell, Cell) else Cell(cell) for cell in row)

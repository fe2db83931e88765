"""A document as Markdown, for a pull request or a wiki; text that a server or a file wrote makes no markup."""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatch

from loadgen.report import blocks
from loadgen.report.blocks import Block, Cell, Document
from loadgen.report.text import clauses, plain

TEXT = 1000


def report(document: Document) -> str:
    """Return every part with its heading."""
    parts = [f"# {escaped(document.title)}"]
    for part in document.parts:
        if body := "\n\n".join(filter(None, map(render, part.blocks))):
            parts.append(f"## {escaped(part.title)}\n\n{body}" if part.title else body)
    return "\n\n".join(parts) + "\n"


def escaped(text: object) -> str:
    """Return ``text`` with everything escaped that Markdown or HTML would take as markup."""
    shown = plain(text, TEXT)
    for character in "\\`*_[]<>|#":
        shown = shown.replace(character, "\\" + character)
    return shown


@singledispatch
def render(_: Block) -> str:
    """Return the block as Markdown; empty for one that only a page can show."""
    return ""


@render.register
def _(block: blocks.Text) -> str:
    return f"**{escaped(block.text)}**" if block.tone in ("strong", "bad") else escaped(block.text)


@render.register
def _(block: blocks.Heading) -> str:
    return f"### {escaped(block.text)}"


@render.register
def _(block: blocks.Bullets) -> str:
    return _list(block.items)


@render.register
def _(block: blocks.Verdict) -> str:
    return _list([f"{block.word}: {clauses((block.statement, *block.details))}"])


@render.register
def _(block: blocks.Facts) -> str:
    return _list(f"{name}: {value}" for facts in block.groups.values() for name, value in facts)


@render.register
def _(block: blocks.Details) -> str:
    body = "\n\n".join(filter(None, map(render, block.blocks)))
    return f"<details><summary>{escaped(block.title)}</summary>\n\n{body}\n\n</details>" if body else ""


@render.register
def _(block: blocks.Table) -> str:
    grouped = any(block.groups)
    columns = [*([blocks.Column("", text=True)] if grouped else []), *block.columns]
    rows = [
        [*([Cell(group)] if grouped else []), *blocks.cells(row)]
        for group, of in block.groups.items()
        for row in of
    ]
    head = [" ".join(filter(None, (column.above, column.heading))) for column in columns]
    rules = ["---" if column.text or place <= grouped else "--:" for place, column in enumerate(columns)]
    body = [[f"{cell.text} ({cell.note})" if cell.note else cell.text for cell in row] for row in rows]
    lines = [[*map(escaped, head)], rules, *([*map(escaped, row)] for row in body)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) if rows else ""


def _list(items: Iterable[object]) -> str:
    return "\n".join(f"- {escaped(item)}" for item in items)

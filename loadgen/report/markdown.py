"""Markdown: text that a server or a file wrote makes no markup of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from loadgen.report.text import plain

TEXT = 1000


def escaped(text: object) -> str:
    """Return ``text`` with everything escaped that Markdown or HTML would take as markup."""
    shown = plain(text, TEXT)
    for character in "\\`*_[]<>|#":
        shown = shown.replace(character, "\\" + character)
    return shown


def bullets(lines: Iterable[object]) -> str:
    """Return a list, an item per line."""
    return "\n".join(f"- {escaped(line)}" for line in lines)


def table(head: Sequence[object], rows: Iterable[Sequence[object]], *, texts: int = 1) -> str:
    """Return a table; its first ``texts`` columns are aligned to the left, the others to the right."""
    rules = ["---" if place < texts else "--:" for place in range(len(head))]
    lines = [[*map(escaped, head)], rules, *([*map(escaped, row)] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

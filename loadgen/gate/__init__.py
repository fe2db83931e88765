"""What others wrote passes here: a run folder of unknown origin, and everything that a worker sends.

:mod:`~loadgen.gate.archive` opens regular files only, and bounds sizes before it reads; :mod:`~loadgen.gate.values` and
:mod:`~loadgen.gate.tables` check types, lengths and ranges. Whatever is wrong is a :class:`BadData`.
"""

from __future__ import annotations

MAX_TEXT = 300


class BadData(Exception):
    """Data that is not what it must be; the message names the field, and moves no cursor."""

    def __init__(self, field: str, wrong: str) -> None:
        text = (f"{field}: {wrong}" if field else wrong)[:MAX_TEXT]
        shown = (c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
        super().__init__("".join(shown))

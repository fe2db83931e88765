"""What others wrote passes here: a run folder of unknown origin, and everything that a worker sends.

:mod:`~loadgen.gate.archive` opens regular files only, and bounds sizes before it reads; :mod:`~loadgen.gate.values` and
:mod:`~loadgen.gate.tables` check types, lengths and ranges. Whatever is wrong is a :class:`BadData`.
"""

from __future__ import annotations


class BadData(Exception):
    """Data that is not what it must be; the message names the field."""

    def __init__(self, field: str, wrong: str) -> None:
        super().__init__(f"{field}: {wrong}" if field else wrong)

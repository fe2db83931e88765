"""Cells with nothing remarkable about them but what a test says."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from loadgen.model import Cell, ClientId, Level, Load, Prompt, Timeouts, Workload

WORKLOAD = {field.name for field in fields(Workload)}


def cell(**changes: Any) -> Cell:
    """Return a cell; the fields of its workload, and ``concurrency``, are given like its own.

    A prompt may be a text.
    """
    plain = Cell(
        index=1,
        client=ClientId("floor"),
        level=Level(streams=2),
        repeat=0,
        url="http://127.0.0.1:1",
        headers={},
        workload=Workload(
            model="m",
            prompts=(Prompt("Why?"),),
            load=Load(requests=1),
            timeouts=Timeouts(connect=2.0, first_token=5.0, idle=5.0, total=10.0),
        ),
        seed=0,
    )
    return changed(plain, **changes)


def changed(cell: Cell, **changes: Any) -> Cell:
    """Return ``cell`` with these changes, given as for :func:`cell`."""
    workload = {name: changes.pop(name) for name in WORKLOAD & changes.keys()}
    if "prompts" in workload:
        workload["prompts"] = tuple(
            Prompt(each) if isinstance(each, str) else each for each in workload["prompts"]
        )
    if "concurrency" in changes:
        changes["level"] = Level(streams=changes.pop("concurrency"))
    return replace(cell, workload=replace(cell.workload, **workload), **changes)

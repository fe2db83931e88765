"""The section on prompts: lengths asked for and counted, a cache that answered, conversations by turn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from loadgen.model import Recording
from loadgen.report.blocks import Table, Text, Verdict
from loadgen.report.sections.prompts import Prompts
from tests import synthetic
from tests.report.runs import view


def blocks(**columns: Any) -> list[Any]:
    made: Recording = synthetic.recording(streams=40, concurrency=2, tokens=10)
    full = {name: np.resize(value, 40).astype(np.int64) for name, value in columns.items()}
    made = replace(made, streams=replace(made.streams, **full))
    return [*Prompts().blocks(view(synthetic.run("/nowhere", [made])), "html")]


def test_prompts_that_were_not_made_have_no_section() -> None:
    assert blocks() == []


def test_lengths_asked_for_stand_beside_those_that_were_counted() -> None:
    (table,) = blocks(input_asked=[10, 10], output_asked=[8, 12])
    assert isinstance(table, Table)
    ((row,),) = table.groups.values()
    assert [cell.text for cell in row[1:]] == [
        "10.0",
        "10.0",
        "0",
        "0",
        "0",
        "10.0",
        "10.0",
        "0.200",
        "0",
        "0",
    ]


@pytest.mark.parametrize(("columns", "said"), [({"output_asked": 20}, "50.0"), ({"input_asked": 40}, "75.0")])
def test_lengths_far_from_those_asked_for_are_explained(columns: dict[str, int], said: str) -> None:
    _, text = blocks(**columns)
    assert isinstance(text, Text)
    assert said in text.text


def test_a_cache_that_answered_is_a_warning() -> None:
    verdict, *_ = blocks(server_cached_tokens=8)
    assert isinstance(verdict, Verdict)
    assert "80" in verdict.statement


def test_conversations_have_a_row_for_each_turn() -> None:
    (table,) = blocks(session=0, turn=[0, 0, 1, 2])
    assert isinstance(table, Table)
    (rows,) = table.groups.values()
    assert [row[:2] for row in rows] == [["turn 1", "20"], ["turn 2", "10"], ["turn 3", "10"]]

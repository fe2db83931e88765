"""Keep-alive races are told from other ends by the course of the streams, and never guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from loadgen.analysis.answer.failures import failed, races
from loadgen.analysis.measures import Measured
from loadgen.model import Recording, StreamTable
from tests import synthetic

MS = 1_000_000


class Lost(NamedTuple):
    """How the stream of a slot with that place in its sequence ended."""

    slot: int
    place: int
    outcome: str = "truncated"
    after_ms: float = 1.0
    headers: bool = False


def recording(lost: Sequence[Lost]) -> Recording:
    """Return four slots with five streams each, one after the other; answers come after 20 ms."""
    made = synthetic.recording(concurrency=4, streams=20, tokens=3, ttft_ms=20.0, jitter=0.0)
    of = made.streams
    columns = {name: column.copy() for name, column in of.columns.items()}
    columns["outcome"] = of.outcome.astype(object)
    for each in lost:
        row = [row for row in np.argsort(of.start) if of.slot[row] == each.slot][each.place]
        columns["outcome"][row] = each.outcome
        columns["end"][row] = of.start[row] + each.after_ms * MS
        columns["bytes"][row] = 0
        if not each.headers:
            columns["headers"][row] = -1
    return replace(made, streams=type(of)(**columns))


CASES: dict[str, tuple[list[Lost], int]] = {
    "closed and reset, after an answer": ([Lost(0, 1), Lost(1, 2, "reset"), Lost(2, 3)], 3),
    "on a new connection": ([Lost(0, 0)], 0),
    "on a new connection too": ([Lost(0, 0), Lost(1, 2)], 0),
    "after a stream that failed, on a connection of another": ([Lost(0, 1), Lost(0, 2)], 2),
    "later than answers come": ([Lost(0, 1, after_ms=500.0)], 0),
    "with headers": ([Lost(0, 1, headers=True)], 0),
    "refused": ([Lost(0, 1, "refused")], 0),
    "the server died": ([Lost(slot, place) for slot in range(4) for place in range(2, 5)], 0),
    "none": ([], 0),
}


@pytest.mark.parametrize("name", CASES)
def test_which_streams_lost_a_race(name: str) -> None:
    lost, number = CASES[name]
    assert int(races(Measured(recording(lost))).sum()) == number


def test_without_an_answer_nothing_is_known() -> None:
    made = recording([])
    made = replace(made, streams=replace(made.streams, outcome=np.full(20, "truncated", dtype=object)))
    assert not races(Measured(made)).any()


class OnDisk:
    """The columns of a table, and which of them were read."""

    def __init__(self, of: StreamTable) -> None:
        self._of, self.read = of, set[str]()

    def __call__(self, name: str) -> NDArray[Any]:
        self.read.add(name)
        column: NDArray[Any] = getattr(self._of, name)
        return column

    def rows(self, name: str, selected: slice) -> NDArray[Any]:
        return self(name)[selected]

    def __len__(self) -> int:
        return len(self._of)


@pytest.mark.parametrize(("lost", "columns"), [([], set()), ([Lost(0, 1)], {"status", "error"})])
def test_of_failures_only_what_they_need_is_read(lost: list[Lost], columns: set[str]) -> None:
    made = recording(lost)
    source = OnDisk(made.streams)
    found = failed([replace(made, streams=StreamTable.of(source))])
    assert (found.streams, found.failed) == (20, len(lost))
    assert source.read & {"status", "error", "http", "port"} == columns
    assert bool(lost) == ("end" in source.read)

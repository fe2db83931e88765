"""Which process gets which core."""

from __future__ import annotations

import os
from typing import Any

import pytest

from loadgen.preflight.cores import cores, pinned


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({0}, ((), (), ())),
        ({0, 1}, ((1,), (0,), (0,))),
        ({2, 5, 7}, ((7,), (2,), (5,))),
        (set(range(8)), ((7,), (0,), (1, 2, 3, 4, 5, 6))),
    ],
)
def test_engine_and_simulator_get_cores_of_their_own(
    known: set[int], expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: known, raising=False)
    assert cores() == expected


def test_where_processes_cannot_be_pinned_none_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert cores() == ((), (), ())


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="processes cannot be pinned here")
def test_a_process_is_pinned_for_a_while() -> None:
    before = os.sched_getaffinity(0)
    with pinned((min(before),)):
        assert os.sched_getaffinity(0) == {min(before)}
    assert os.sched_getaffinity(0) == before
    with pinned(()):
        assert os.sched_getaffinity(0) == before

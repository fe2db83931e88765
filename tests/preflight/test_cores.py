"""Which process gets which core."""

from __future__ import annotations

import os
from typing import Any

import pytest

from loadgen.preflight.cores import cores, pinned


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({3}, ((3,), (3,), (3,))),  # they share it, which is then known
        ({0, 1}, ((1,), (0,), (0,))),
        ({2, 5, 7}, ((7,), (2,), (5,))),
        (set(range(8)), ((7,), (0,), (1, 2, 3, 4, 5, 6))),
    ],
)
def test_engine_and_simulator_get_cores_of_their_own(
    known: set[int], expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: known, raising=False)
    assert cores()[:3] == expected


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        ({1}, ((0,), (1,), (1,))),  # the user gave the server the core that the engine would take
        ({0}, ((1,), (0,), (0,))),
        ({0, 1}, ((1,), (0,), (0,))),
        ({5}, ((1,), (0,), (0,))),
    ],
)
def test_the_engine_leaves_a_local_server_its_cores(
    servers: set[int], expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    assert cores(servers) == (*expected, tuple(sorted(servers)))


def test_where_processes_cannot_be_pinned_none_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert cores()[:3] == ((), (), ())


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="processes cannot be pinned here")
def test_a_process_is_pinned_for_a_while() -> None:
    before = os.sched_getaffinity(0)
    with pinned((min(before),)):
        assert os.sched_getaffinity(0) == {min(before)}
    assert os.sched_getaffinity(0) == before
    with pinned(()):
        assert os.sched_getaffinity(0) == before

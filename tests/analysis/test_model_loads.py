"""Streams that waited for a load, told from those that a busy server scheduled late."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from loadgen.analysis.model_loads import waited
from loadgen.model import Residency
from tests import synthetic

WARM, COLD, SLOW = (
    65,
    600,
    581,
)  # ms of load: of a model in memory, of a load, of a model in memory of a busy server


class Case(NamedTuple):
    """Streams as (start, end, load) in ms, what the server told, and which of them waited."""

    streams: list[tuple[int, int, int]]
    residency: Residency | None
    waited: list[int]


ONE_BY_ONE = [(0, 1000), (1100, 2000), (2100, 3000)]
TOGETHER = [(n, 4000 + n) for n in range(16)]
KEPT = Residency(True, True, 300.0)
FRESH = Residency(False, True, 300.0)

CASES = {
    "resident": Case([(*at, WARM) for at in ONE_BY_ONE], KEPT, []),
    "the first loads": Case([(0, 1000, COLD), (1100, 2000, WARM)], FRESH, [0]),
    "every stream loads": Case([(*at, COLD) for at in ONE_BY_ONE], Residency(False, False), [0, 1, 2]),
    "all but the first, which found it": Case(
        [(0, 900, WARM), (1000, 2000, COLD), (2100, 3100, COLD)], Residency(True, False), [1, 2]
    ),
    "a quick load is one too": Case([(*at, 120) for at in ONE_BY_ONE], Residency(False, False), [0, 1, 2]),
    "a busy server schedules late": Case([(*at, SLOW) for at in TOGETHER], KEPT, []),
    "a busy server that keeps nothing": Case([(*at, SLOW) for at in TOGETHER], Residency(True, False), []),
    "together, while it loads": Case(
        [(0, 3000, COLD), (10, 3000, COLD - 10), (500, 3000, 150), (700, 3000, SLOW)], FRESH, [0, 1, 2]
    ),
    "an unload between": Case(
        [(0, 1000, WARM), (1100, 2000, WARM), (8000, 9000, COLD)], Residency(True, True, 5.0), [2]
    ),
    "no unload between": Case(
        [(0, 1000, WARM), (1100, 2000, WARM), (6000, 7000, SLOW)], Residency(True, True, 5.0), []
    ),
    "kept while another is open": Case([(0, 9000, WARM), (8000, 9500, SLOW)], Residency(True, False), []),
    "kept for nobody knows how long": Case([(*at, SLOW) for at in ONE_BY_ONE], Residency(True, True), []),
    "died, and never told": Case([(*at, SLOW) for at in TOGETHER], Residency(True, None), []),
    "untold, one by one": Case([(0, 1000, COLD), (1100, 2000, WARM), (2100, 3000, COLD)], None, [0, 2]),
    "untold, a slow schedule": Case([(0, 1000, 150), (1100, 2000, 240)], None, []),
    "untold, busy": Case([(0, 5000, WARM), *((*at, SLOW) for at in [(100, 4000), (200, 4000)])], None, []),
    "nothing reported": Case([(0, 1000, -1), (1100, 2000, -1)], Residency(False, False), []),
    "none": Case([], FRESH, []),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("turned", [False, True])
def test_who_waited(case: Case, turned: bool) -> None:
    rows = case.streams[::-1] if turned else case.streams
    made = synthetic.recording(concurrency=1, streams=max(len(rows), 1)).streams
    table = made.rows(np.arange(len(rows)))
    start, end, load = (np.array([row[of] for row in rows], dtype=np.int64) * 1_000_000 for of in range(3))
    table = replace(table, start=start, end=end, load_ns=np.where(load < 0, -1, load))
    found = waited(table, case.residency).nonzero()[0].tolist()
    assert sorted(len(rows) - 1 - n if turned else n for n in found) == case.waited

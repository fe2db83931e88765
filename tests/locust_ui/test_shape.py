"""The stages as a shape of Locust, in a process of its own: importing Locust patches the one it is in."""

from __future__ import annotations

import json
import subprocess
import sys

TICKS = """
import json, sys
from loadgen.locust_ui.shape import Stages
from locust import shape
from locust.util.load_locustfile import is_shape_class
from loadgen.model import Stage

now = 0.0
shape.time.perf_counter = lambda: now
found = []
for stages, times in json.loads(sys.argv[1]):
    made = Stages([Stage(*each) for each in stages])
    runs = []
    for begin in (100.0, 200.0):
        now = begin
        made.reset_time()
        runs.append([])
        for after in times:
            now = begin + after
            runs[-1].append(made.tick())
    assert runs[0] == runs[1]
    found.append(runs[0])
assert not is_shape_class(Stages)
print(json.dumps(found))
"""


CASES: dict[str, tuple[list[tuple[int, float]], list[float], list[list[float] | None]]] = {
    "a second ahead of the stages": (
        [(200, 4.0), (200, 2.0), (20, 0.0), (20, 1.5), (0, 2.0)],
        [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 9.4, 9.5, 20.0],
        [
            [50, 50], [100, 50], [150, 50], [200, 50], [200, 50], [20, 180], [20, 180],
            [15, 5], [5, 10], [0, 5], [0, 5], None, None,
        ],
    ),
    "ticks that come late": ([(100, 10.0)], [0.0, 3.0, 8.7, 9.9], [[10, 10], [40, 30], [97, 57], [100, 3]]),
    "a slow ramp begins with no users": ([(1, 10.0), (1, 5.0)], [0.0, 1.0], [[0, 1], [0, 1]]),
}  # fmt: skip


def test_users_follow_the_stages() -> None:
    """In a first run and in a second."""
    cases = [[stages, times] for stages, times, _ in CASES.values()]
    done = subprocess.run(
        [sys.executable, "-P", "-c", TICKS, json.dumps(cases)], check=True, capture_output=True, text=True
    )
    found = dict(zip(CASES, json.loads(done.stdout), strict=True))
    assert found == {name: expected for name, (_, _, expected) in CASES.items()}

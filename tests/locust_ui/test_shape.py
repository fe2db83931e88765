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
made = Stages([Stage(*each) for each in json.loads(sys.argv[1])])
runs = []
for begin in (100.0, 200.0):
    now = begin
    made.reset_time()
    runs.append([])
    for after in json.loads(sys.argv[2]):
        now = begin + after
        runs[-1].append(made.tick())
assert runs[0] == runs[1]
assert not is_shape_class(Stages)
print(json.dumps(runs[0]))
"""


def ticks(stages: list[tuple[int, float]], times: list[float]) -> list[list[float] | None]:
    """What Locust is told at these times, in a first run and the same again in a second."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", TICKS, json.dumps(stages), json.dumps(times)],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)


def test_the_users_follow_the_stages_a_second_ahead() -> None:
    stages = [(200, 4.0), (200, 2.0), (20, 0.0), (20, 1.5), (0, 2.0)]
    told = ticks(stages, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 9.4, 9.5, 20.0])
    assert told == [
        [50, 50], [100, 50], [150, 50], [200, 50], [200, 50], [20, 180], [20, 180],
        [15, 5], [5, 10], [0, 5], [0, 5], None, None,
    ]  # fmt: skip


def test_ticks_that_come_late_get_there_all_the_same() -> None:
    assert ticks([(100, 10.0)], [0.0, 3.0, 8.7, 9.9]) == [[10, 10], [40, 30], [97, 57], [100, 3]]


def test_a_ramp_that_begins_slowly_begins_with_nobody() -> None:
    assert ticks([(1, 10.0), (1, 5.0)], [0.0, 1.0]) == [[0, 1], [0, 1]]

"""How many streams are served in time, one at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadgen.analysis.pace import Pace, one_at_a_time_s, pace, served
from loadgen.model import Level, Load, Outcome, Timeouts, WarmUp
from tests.lab.cells import cell

SEEN = WarmUp(requests=1, outcome=Outcome.OK, total_s=2.0, ttft_s=1.2, tokens=8, load_s=1.08)


def test_the_time_to_load_is_left_out() -> None:
    found = pace(SEEN)
    assert found
    assert (found.first_s, found.answer_s) == pytest.approx((0.2, 1.0))
    resident = pace(replace(SEEN, load_s=0.07))
    assert resident
    assert (resident.first_s, resident.answer_s) == pytest.approx((1.2, 2.0))
    assert pace(replace(SEEN, outcome=Outcome.RESET)) is None
    whole = pace(replace(SEEN, ttft_s=None))
    assert whole
    assert whole.first_s == whole.answer_s


# streams, first token, answer, timeouts of first token and total -> served
SERVED = [
    (100, 0.1, 4.0, 60, 300, 15),  # the 15th waits 56 s, the 16th 60
    (100, 0.0, 4.0, 60, 300, 16),
    (10, 0.1, 4.0, 60, 300, 10),
    (100, 0.1, 0.3, 60, 300, 100),
    (1000, 0.1, 1.0, 3600, 300, 300),  # the whole takes too long
    (1, 70, 80, 60, 300, 0),
    (1, 5, 400, 60, 300, 0),
]


@pytest.mark.parametrize(("streams", "first", "answer", "timeout", "total", "wanted"), SERVED)
def test_served_in_time(
    streams: int, first: float, answer: float, timeout: float, total: float, wanted: int
) -> None:
    timeouts = Timeouts(first_token=timeout, total=total)
    assert served(streams, Pace(first, answer), timeouts) == wanted
    for n in (wanted, wanted + 1):  # by the definition itself
        within = (n - 1) * answer + first <= timeout and n * answer <= total
        assert within == (n == wanted) or n == 0 or wanted == streams


def test_the_time_of_a_run_one_answer_at_a_time() -> None:
    cells = [cell(concurrency=4, load=Load(requests=2)), cell(concurrency=8, load=Load(duration=5.0))]
    assert one_at_a_time_s(cells, Pace(0.1, 1.5)) == 4 * 2 * 1.5 + 5 + 8 * 1.5
    assert one_at_a_time_s([replace(cells[0], level=Level(streams=1))], Pace(0.1, 1.5)) == 3.0

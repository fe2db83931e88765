"""The lines of a run's progress, and the time that is left."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import pytest
from rich.console import Console

from loadgen.lab import plan
from loadgen.model import (
    Cell,
    ClientId,
    Level,
    Load,
    Prompt,
    Recording,
    Scenario,
    Simulator,
    Slo,
    Target,
    Workload,
)
from loadgen.report.bar import TimeLeft
from loadgen.report.progress import Plain, announce
from tests import synthetic

CLIENTS = (ClientId("requests"), ClientId("httpx-async"), ClientId("aiohttp", {"stream": False}))
SCENARIO = Scenario(
    name="some",
    target=Target(simulator=Simulator(ttft=0.3, gap=0.05, tokens=14)),
    clients=CLIENTS,
    levels=(Level(streams=1), Level(streams=1000)),
    workload=Workload(prompts=(Prompt("a"),), load=Load(duration=5.0)),
    repeats=3,
)


def cells(scenario: Scenario = SCENARIO) -> list[Cell]:
    return plan.cells(scenario, "", ())


def measured(cell: Cell, **changes: object) -> Recording:
    """What a cell of about so many streams left."""
    made = synthetic.recording(client=cell.client.label, concurrency=cell.level.streams or 1, **changes)  # type: ignore[arg-type]
    return replace(made, client=cell.client, repeat=cell.repeat, index=cell.index, attempt=cell.attempt)


def lines(parts: Sequence[Recording], width: int = 80, scenario: Scenario = SCENARIO) -> list[str]:
    file = io.StringIO()
    shown = Plain(Console(file=file, width=width), scenario)
    shown.begin(cells(scenario), [])
    for part in parts:
        shown.cell_ends([part])
    return file.getvalue().splitlines()[2:]


@pytest.mark.parametrize("width", [80, 100, 120])
def test_columns_stay_where_they_are_and_nothing_is_cut(width: int) -> None:
    every = [measured(cell) for cell in cells()]
    _, above, heading, *rows = lines(every, width)
    assert max(map(len, rows)) <= width
    assert not any(line != line.rstrip() for line in (above, heading, *rows))
    figures = [row for row in rows if row.endswith(" 0")]
    assert len(figures) == len(every)
    for name in ("streams", "round", "p50 ms", "tok/s", "to receive", "failures"):
        end = heading.index(name) + len(name)
        assert all(row[end - 1] != " " and row[end : end + 1] in ("", " ") for row in figures), name
    text = "\n".join(rows)
    assert all(client.label in text for client in CLIENTS)
    assert "requests (A/A)" in text
    assert (len(rows) == len(every)) is (width > 80), "a long label has its own line where there is no room"


def test_what_is_the_same_in_all_rows_has_no_column() -> None:
    scenario = replace(SCENARIO, levels=(Level(streams=100),), repeats=1)
    _, _, heading, row, *_ = lines([measured(cells(scenario)[0])], scenario=scenario)
    assert "streams" not in heading
    assert "round" not in heading
    assert row.split()[-1] == "0"


def test_failures_are_counted_in_every_row_and_explained_when_they_are_new() -> None:
    one, two, three = cells()[:3]
    parts = [
        measured(one, outcomes={"reset": 3}), measured(two, outcomes={"reset": 5}),
        measured(three, outcomes={"reset": 2, "idle_timeout": 1}),
    ]  # fmt: skip
    shown = lines(parts, 120)[3:]
    assert [line.split()[-1] for line in shown if "/3" in line] == ["3", "5", "3"]
    reasons = [line for line in shown if "failed:" in line]
    assert [shown.index(line) for line in reasons] == [1, 4]
    assert (
        "2 × connection reset: it ended as reset; 1 × idle timeout: it ended as idle_timeout." in reasons[1]
    )


def test_a_cell_that_broke_off_says_why() -> None:
    broken = replace(measured(cells()[0]), ended="the engine\x1b[2J died")
    assert lines([broken])[-1] == "  the engine\\x1b[2J died"


def test_what_is_measured_again_is_marked_and_a_common_cause_is_named_once() -> None:
    file = io.StringIO()
    shown = Plain(Console(file=file, width=100), SCENARIO)
    again = [replace(cell, attempt=1) for cell in cells()[:2]]
    shown.begin(cells(), [])
    for cell, share in zip(again, (70, 71), strict=True):
        shown.again(cell, f"others used {share} % of the core")
        shown.cell_ends([measured(cell)])
    marked = [line for line in file.getvalue().splitlines() if line.startswith("↻ ")]
    assert len(marked) == 3
    assert marked[0] == "↻ Measured again, because others used 70 % of the core"


def test_the_first_lines_say_what_will_be_run_and_how_long_it_takes() -> None:
    file = io.StringIO()
    announce(Console(file=file, width=80), SCENARIO, cells(), 154.0)
    first, second = file.getvalue().splitlines()
    assert first == "some  3 clients × 1 to 1,000 streams × 3 rounds  about 2m34s"
    assert second == "embedded simulator; 24 measurements; requests (A/A) is the A/A control"


def test_the_time_of_a_cell_is_that_of_its_streams_and_its_process() -> None:
    (cell, *_), simulator = cells(), Simulator(ttft=0.3, gap=0.05, tokens=14).stream_s
    assert plan.seconds(cell, simulator) == pytest.approx(5.0 + 1.0 + plan.CELL_S)
    requests = replace(cell, workload=replace(cell.workload, load=Load(requests=3, ramp=2.0)))
    assert plan.seconds(requests, simulator) == pytest.approx(2.0 + 3 * 1.0 + plan.CELL_S)


def test_the_time_left_learns_from_the_cells_that_have_ended() -> None:
    now = 0.0
    one, two, *_ = planned = cells(
        replace(SCENARIO, levels=(Level(streams=1),), repeats=2, clients=CLIENTS[:2])
    )
    left = TimeLeft(planned, [10.0] * len(planned), lambda: now)
    assert left.seconds == 40
    assert left.share == 0
    left.cell_begins(one)
    now = 4.0
    assert left.seconds == 36
    assert left.share == pytest.approx(0.1)
    now = 12.0
    assert left.seconds == 30, "a cell that takes longer is about to end"
    now = 14.0
    left.cell_begins(two)
    assert left.seconds == 3 * 14
    now = 28.0
    left.cell_begins(replace(two, attempt=1))
    assert left.seconds == 3 * 14, "measuring again is extra"


def test_another_level_is_expected_to_cost_as_much_beside_its_streams() -> None:
    now = 0.0
    planned = cells(replace(SCENARIO, clients=CLIENTS[:1], repeats=1))
    left = TimeLeft(planned, [10.0, 20.0], lambda: now)
    left.cell_begins(planned[0])
    now = 12.0
    left.cell_begins(planned[1])
    assert left.seconds == 22


def test_with_objectives_each_measurement_says_how_many_streams_were_good() -> None:
    workload = replace(SCENARIO.workload, slo=Slo(ttft_ms=1000.0))
    scenario = replace(SCENARIO, workload=workload)
    part = replace(measured(cells(scenario)[0], streams=40, outcomes={"reset": 10}), workload=workload)
    _, above, heading, row, *_ = lines([part], scenario=scenario)
    assert above.index("good") < heading.index("%") + 1 == row.index("75.00") + len("75.00")
    assert "%" not in "".join(lines([measured(cells()[0])]))

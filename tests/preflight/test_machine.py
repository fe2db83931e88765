"""The machine is sampled before a run, and what would disturb it is reported."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from loadgen.cli import cli
from loadgen.lab.plan import cells
from loadgen.model import Listener, Scenario
from loadgen.preflight import doctor, machine
from loadgen.preflight.machine import (
    BusyCores,
    FrequencyScaling,
    MachineState,
    Overload,
    Reading,
    StolenTime,
    observe,
)
from tests.cli.command import scenario


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)


def sampled(
    seconds: float = 2.0,
    busy: tuple[float, ...] = (0.0, 0.0),
    steal: tuple[float, ...] = (0.0, 0.0),
    simulated: bool = True,
    **how: Any,
) -> MachineState | None:
    """Sample a machine that uses these shares of its cores, on a clock that only sleeping moves."""
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    def read() -> Reading:
        used, stolen = (
            {core: round(share * now * 1e9) for core, share in enumerate(of)} for of in (busy, steal)
        )
        return Reading(at=now, busy=used, steal=stolen, **how)

    return observe(seconds, read, sleep, simulated=simulated)


@pytest.mark.parametrize(
    ("how", "warnings"),
    [
        ({}, ()),
        ({"busy": (0.09, 0.05), "steal": (0.01, 0.01), "load": 1.9, "governors": {"performance"}}, ()),
        (
            {"busy": (0.5, 0.2)},
            (BusyCores({0: 0.5, 1: 0.2}, {0: "the simulator's core", 1: "the clients' core"}),),
        ),
        ({"busy": (0.05, 0.25)}, (BusyCores({1: 0.25}, {1: "the clients' core"}),)),
        ({"busy": (0.5, 0.2), "simulated": False}, (BusyCores({0: 0.5, 1: 0.2}, {1: "the clients' core"}),)),
        ({"steal": (0.02, 0.06)}, (StolenTime(0.04),)),
        ({"load": 3.5, "runnable": 4}, (Overload(2, 3.5, 3.0),)),
        ({"load": 3.5}, (Overload(2, 3.5, None),)),
        ({"governors": {"powersave", "performance"}}, (FrequencyScaling(("powersave",)),)),
    ],
)
def test_warnings(how: dict[str, Any], warnings: tuple[object, ...]) -> None:
    if "governors" in how:
        how = {**how, "governors": frozenset(how["governors"])}
    state = sampled(**how)
    assert state is not None
    assert state.seconds == pytest.approx(2.0)
    assert [type(each) for each in state.warnings] == [type(each) for each in warnings]
    assert [str(each) for each in state.warnings] == [str(each) for each in warnings]


def test_all_warnings_are_one_line() -> None:
    state = sampled(busy=(0.0, 0.5), steal=(0.1, 0.1))
    assert str(state) == (
        "other programs use 50 % of the clients' core; the hypervisor takes 10 % of the CPU time"
    )
    assert (
        str(sampled(busy=(0.03, 0.0), load=0.2))
        == "other programs use at most 3 % of a core, load average 0.2"
    )


def test_without_a_duration_nothing_is_read() -> None:
    def read() -> Reading:
        raise AssertionError

    assert observe(0, read) is None
    assert machine.SAMPLE_S == 0, "in tests"


def test_a_system_that_reports_nothing_gives_no_warning() -> None:
    state = sampled(busy=(), steal=())
    assert state is not None
    assert (state.busy, state.warnings, state.runnable) == ({}, (), None)


def test_this_machine_can_be_read() -> None:
    reading = machine.read()
    assert reading.load is not None
    assert reading.runnable is None or reading.runnable >= 1


@pytest.fixture
def noisy(monkeypatch: pytest.MonkeyPatch) -> Callable[[], MachineState | None]:
    state = sampled(busy=(0.0, 0.5))
    monkeypatch.setattr(machine, "observe", lambda **_: state)
    return lambda: state


@pytest.mark.usefixtures("noisy")
def test_doctor_prints_it() -> None:
    found = [check for check in doctor.checks(1) if check.text.startswith("machine:")]
    assert [(check.text, check.ok, check.fatal) for check in found] == [
        ("machine: other programs use 50 % of the clients' core", False, False)
    ]


@pytest.mark.usefixtures("noisy")
@pytest.mark.parametrize(("flags", "lines"), [([], 1), (["--quiet"], 0), (["--json"], 0)])
def test_run_says_it_first_and_nothing_under_quiet(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, flags: list[str], lines: int
) -> None:
    class Stopped(Exception):
        pass

    def lab_run(scenario: Scenario, _: object, listener: Listener, **__: object) -> None:
        listener.begin(cells(scenario, "", ()), [1.0])
        raise Stopped

    monkeypatch.setattr("loadgen.lab.run.run", lab_run)
    result = CliRunner().invoke(cli, ["run", str(scenario(tmp_path)), *flags])
    assert isinstance(result.exception, Stopped)
    assert result.stdout.count("not quiet") == lines
    if lines:
        assert "50 % of the clients' core" in result.stdout

"""Which attempt of a cell counts, and what is reported of the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from loadgen.analysis import machine, remeasured, summarise
from loadgen.analysis.repeats import attempts_of, repeats_of
from loadgen.model import Recording
from loadgen.model.confidence import LateSimulator, OtherPrograms
from loadgen.report.frames import samples_frame, streams_frame
from loadgen.report.sentences import sentences
from loadgen.report.sentences.remeasured import why_disturbed
from tests.synthetic import recording, run, split

WAITS = {"others_share": 0.6, "run_wait_share": 9.0, "voluntary_per_token": 0.01}


def attempt(number: int, **how: Any) -> Recording:
    return replace(recording(**how), attempt=number)


@pytest.mark.parametrize(
    ("how", "disturbed"),
    [
        ({}, False),
        (WAITS, True),
        ({"others_share": 0.9, "run_wait_share": 0.0}, False),  # used by others, but nobody waited
        ({"run_wait_share": None}, False),  # not measured
        ({"server_late_p99_ms": 20}, True),  # 40 % of the ITL
        ({"server_late_p99_ms": 10}, False),
        ({"server_late_p99_ms": 10, "gap_ms": 1.0}, True),
        ({"server_late_p99_ms": 0.9, "gap_ms": 0.1}, False),  # below the floor
        ({"server_late_p99_ms": 60, "gap_ms": 5000, "ttft_ms": 5000}, True),
        ({"steal_share": 0.05, "cpu_us_per_token": 100}, True),  # 22 % of the CPU time
        ({"steal_share": 0.01, "cpu_us_per_token": 100}, False),
        ({"others_share": 0.7, "run_wait_share": 0.9, "voluntary_per_token": 10.0}, True),  # starved
        ({"others_share": 0.7, "run_wait_share": 0.7, "voluntary_per_token": 10.0}, False),
        ({"late_start_ms": 200, "others_share": 0.5, "run_wait_share": 0.0}, True),
        ({"late_start_ms": 200, "others_share": 0.0, "run_wait_share": 0.0}, False),  # its own doing
        ({"late_start_ms": 40, "others_share": 0.5, "run_wait_share": 0.0}, False),
        ({"outcomes": {"reset": 200}}, False),  # failures are no disturbance
        ({**WAITS, "ended": "the engine died"}, False),
        ({"lag_us": 2_000_000, "send_delay_ms": 200}, False),  # its own delay
    ],
)
def test_what_counts_as_disturbed(how: dict[str, Any], disturbed: bool) -> None:
    assert bool(why_disturbed([recording(**how)])) is disturbed


def test_a_cell_of_workers_is_judged_as_one() -> None:
    assert why_disturbed(split(recording())) == ""
    assert "other programs" in why_disturbed(split(recording(**WAITS)))
    assert why_disturbed([]) == ""


def test_the_worst_group_decides_and_its_causes_are_named() -> None:
    (repeat,) = repeats_of([recording(server_late_p99_ms=30)])
    size, causes = machine.disturbance(repeat.parts)
    assert size == pytest.approx(2.0, rel=0.1)  # 60 % of the ITL p99, where 30 % are tolerated
    assert isinstance(causes[0], LateSimulator)
    assert {type(cause) for cause in causes} == {LateSimulator, OtherPrograms}


@pytest.mark.parametrize(
    ("late", "counted"), [((30, 1, 2), 1), ((20, 30, 40), 0), ((1, 1), 0), ((30, 25, 20), 2)]
)
def test_the_least_disturbed_attempt_counts(late: tuple[float, ...], counted: int) -> None:
    made = [
        attempt(n, server_late_p99_ms=ms, ttft_ms=100 * (n + 1), streams=100) for n, ms in enumerate(late)
    ]
    (repeat,) = repeats_of(made)
    assert repeat.recording.attempt == counted
    assert [each.recording.attempt for each in attempts_of(made[::-1])[0]] == list(range(len(late)))
    (summary,) = summarise(run(".", made))
    assert (summary.value("streams"), len(summary.rounds)) == (100, 1)
    assert summary.value("ttft_p50_ms") == pytest.approx(100 * (counted + 1), rel=0.01)


def test_an_attempt_gains_nothing_from_longer_latencies() -> None:
    made = [attempt(0, server_late_p99_ms=30, gap_ms=500), attempt(1, server_late_p99_ms=20)]
    (repeat,) = repeats_of(made)
    assert repeat.recording.attempt == 1, "though 30 of 500 ms are less than 20 of 50"
    (found,) = remeasured.findings(run(".", made), [])
    assert [round(each.disturbance, 1) for each in found.attempts] == [2.1, 1.3]


def test_an_attempt_that_was_cut_short_counts_only_without_another() -> None:
    cut = attempt(1, ended="interrupted")
    (repeat,) = repeats_of([attempt(0, server_late_p99_ms=30), cut])
    assert repeat.recording.attempt == 0


def test_the_finding_has_every_attempt_and_what_they_cost() -> None:
    made = [attempt(0, server_late_p99_ms=30), attempt(1), attempt(0, client="requests", index=1)]
    (found,) = remeasured.findings(run(".", made), [])
    assert (found.verdict, found.client.label, found.repeat) == ("undisturbed", "aiohttp", 0)
    assert [(each.attempt, each.included, each.disturbance > 1) for each in found.attempts] == [
        (0, False, True),
        (1, True, False),
    ]
    assert found.seconds == pytest.approx(6.5, abs=0.1)
    text = sentences(found)
    assert (
        "aiohttp at 100 streams, round 1, was measured again 1 time (7 s); attempt 2 counts" in text.statement
    )
    assert text.details[0].startswith("attempt 1: the simulator sent late, p99 30")
    assert text.details[1] == "attempt 2: undisturbed"


def test_what_stays_disturbed_says_so() -> None:
    made = [attempt(n, server_late_p99_ms=30 - n) for n in range(3)]
    (found,) = remeasured.findings(run(".", made), [])
    assert (found.verdict, [each.included for each in found.attempts]) == ("disturbed", [False, False, True])


def test_tables_keep_every_attempt() -> None:
    held = run(".", [attempt(0, streams=4, concurrency=2), attempt(1, streams=4, concurrency=2)])
    frame = streams_frame(held)
    assert frame["attempt"].tolist() == [0] * 4 + [1] * 4
    assert frame["stream"].tolist() == [0, 1, 2, 3] * 2
    assert set(samples_frame(held)["attempt"]) == {0, 1}

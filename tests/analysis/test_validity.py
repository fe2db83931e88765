from __future__ import annotations

from dataclasses import replace

import pytest

from loadgen.analysis import summarise, validity
from loadgen.analysis.repeats import repeats_of
from loadgen.analysis.validity import Judgement
from loadgen.model import Machine, Validity
from tests.synthetic import recording, run

SUSPECT, INVALID = Validity.SUSPECT, Validity.INVALID


def judged(made):
    (summary,) = summarise(run(".", [made]))
    return summary.validity, summary.reasons


CASES = {
    "ended": ({"ended": "the engine was killed"}, INVALID, "did not run to its end: the engine was killed"),
    "one short": (
        {"streams": 98, "concurrency": 100},
        SUSPECT,
        "98 streams were open at once at most, not the 100",
    ),
    "half": (
        {"streams": 50, "concurrency": 100},
        INVALID,
        "50 streams were open at once at most, not the 100",
    ),
    "all failed": (
        {"outcomes": {"refused": 150, "reset": 50}},
        INVALID,
        "none of the 200 streams completed: 150 refused, 50 reset",
    ),
    "some failed": ({"outcomes": {"reset": 3}}, SUSPECT, "3 of 200 streams failed (1.5%): 3 reset"),
    "late simulator": (
        {"server_late_p99_ms": 12},
        SUSPECT,
        "the simulator sent later than scheduled, p99 12.0 ms",
    ),
    "very late simulator": ({"server_late_p99_ms": 51}, INVALID, "p99 51.0 ms"),
    "server saw fewer": ({"server_open_peak": 95}, SUSPECT, "the server itself saw at most 95 streams"),
    "server saw far fewer": ({"server_open_peak": 67}, INVALID, "the server itself saw at most 67 streams"),
    "others": ({"others_share": 0.2}, SUSPECT, "other processes took 20% of the engine's cores"),
    "steal": (
        {"steal_share": 0.12, "engine_cores": 2},
        SUSPECT,
        "the hypervisor took 12% of the engine's cores",
    ),
    "overflows": ({"listen_overflows": 4}, SUSPECT, "4 listen-queue overflows"),
    "drops": ({"listen_drops": 2}, SUSPECT, "2 listen-queue drops"),
    "clock": ({"clock_step_ns": -30_000_000}, SUSPECT, "moved by -30.0 ms"),
    "few": ({"streams": 9, "concurrency": 9}, SUSPECT, "only 9 streams counted"),
    "none": ({"warmup_ms": 60_000}, INVALID, "no stream was due after the warm-up of 60 s"),
    "late start": ({"late_start_ms": 80}, SUSPECT, "started later than scheduled, p99 80.0 ms"),
    "request": (
        {"send_delay_ms": 120},
        SUSPECT,
        "the time until the server had the request, p99 120.0 ms, is 40% of the TTFT's p99 of 300.2 ms",
    ),
    "lag": ({"lag_us": 60_000}, SUSPECT, "p99 60.0 ms, is 17% of the TTFT's p99 of 360.0 ms"),
}


@pytest.mark.parametrize("name", CASES)
def test_every_reason_is_told_with_its_number(name):
    how, verdict, text = CASES[name]
    found, reasons = judged(recording(**how))
    assert found is verdict
    assert any(text in reason for reason in reasons), reasons


FINE = {
    "plain": {},
    "stamps missing": {"stamped": False},
    "server unknown": {"server_late_p99_ms": None},
    "another host": {"same_host": False},
    "one percent failed": {"outcomes": {"reset": 2}},
    "stopped is no failure": {"outcomes": {"stopped": 50}},
    "queues of threads": {"mode": "threads", "run_wait_share": 40.0},
    "request small beside the TTFT": {"send_delay_ms": 20},
    "lag small beside the TTFT": {"lag_us": 20_000},
    "lag large beside a tiny TTFT, but small": {"lag_us": 4_000, "ttft_ms": 1},
    "late start small beside the TTFT": {"late_start_ms": 55, "ttft_ms": 2000},
    "ten streams": {"streams": 10, "concurrency": 10},
    "clock steered": {"clock_step_ns": 900_000},
}


@pytest.mark.parametrize("name", FINE)
def test_what_is_no_fault(name):
    assert judged(recording(**FINE[name])) == (Validity.VALID, ())


def test_a_step_voids_the_lag_and_nothing_else():
    (summary,) = summarise(run(".", [recording(clock_step_ns=30_000_000)]))
    assert summary.value("lag_p50_ms") is None
    assert summary.value("ttft_p50_ms") == pytest.approx(300.2)


@pytest.mark.parametrize(("cost", "state"), [(500, "was saturated"), (5, "was not saturated")])
def test_the_client_s_limit_is_told_with_its_cpu(cost, state):
    _, (reason,) = judged(recording(lag_us=60_000, cpu_us_per_token=cost))
    assert "read it as the client's limit, not the server's" in reason
    assert state in reason


def test_no_machine_no_complaint():
    assert judged(replace(recording(), machine=None)) == (Validity.VALID, ())
    empty = replace(recording(), machine=Machine(window_ns=0, others_ns=5))
    assert judged(empty) == (Validity.VALID, ())


def test_the_gravest_reason_decides_and_comes_first():
    found, reasons = judged(recording(server_late_p99_ms=80, listen_drops=1, outcomes={"reset": 100}))
    assert found is INVALID
    assert "simulator" in reasons[0]
    assert len(reasons) == 3


def test_reasons_name_their_repeat():
    (summary,) = summarise(run(".", [recording(), recording(repeat=1, index=1, listen_drops=1)]))
    assert summary.validity is SUSPECT
    assert summary.reasons[0].startswith("repeat 2: 1 listen-queue drops")


def test_one_repeat_can_be_judged_alone():
    (repeat,) = repeats_of([recording(server_late_p99_ms=6)])
    judgement = Judgement.of(validity.of_repeat(repeat))
    assert judgement.validity is SUSPECT
    assert Judgement.of([]) == Judgement(Validity.VALID, ())


def test_findings_are_for_what_is_not_valid():
    made = [recording(), recording(client="requests", mode="threads", index=1, listen_drops=1)]
    (finding,) = validity.findings(summarise(run(".", made)))
    assert (finding.kind, finding.id, finding.verdict) == ("validity", "requests@100", "suspect")
    assert finding.statement == "requests at 100 streams is suspect"
    assert "listen-queue" in finding.evidence[0]

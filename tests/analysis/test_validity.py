from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from loadgen.analysis import summarise, validity
from loadgen.analysis.repeats import repeats_of
from loadgen.model import ClientId, Level, Limit, Machine, Validity, ValidityFinding, reasons
from tests.synthetic import recording, run

SUSPECT, INVALID = Validity.SUSPECT, Validity.INVALID


def judged(made):
    (summary,) = summarise(run(".", [made]))
    return summary.validity, summary.reasons


CASES = {
    "ended": (
        {"ended": "the engine was killed"},
        reasons.EndedEarly(validity=INVALID, ended="the engine was killed"),
    ),
    "the GIL was turned on": ({"gil": "lxml"}, reasons.GilOn(validity=SUSPECT, by="lxml")),
    "one short": (
        {"streams": 98, "concurrency": 100},
        reasons.ConcurrencyNotReached(validity=SUSPECT, peak=98, target=100),
    ),
    "half": (
        {"streams": 50, "concurrency": 100},
        reasons.ConcurrencyNotReached(validity=INVALID, peak=50, target=100),
    ),
    "all failed": (
        {"outcomes": {"refused": 150, "reset": 50}},
        reasons.NoneCompleted(validity=INVALID, streams=200, outcomes={"refused": 150, "reset": 50}),
    ),
    "the target died": ({"outcomes": {"refused": 100}}, reasons.TargetGone(validity=INVALID, streams=100)),
    "its name was lost": (
        {"outcomes": {"unresolved": 60, "refused": 40}},
        reasons.TargetGone(validity=INVALID, streams=100),
    ),
    "some failed": (
        {"outcomes": {"reset": 3}},
        reasons.StreamsFailed(validity=SUSPECT, failed=3, streams=200, outcomes={"reset": 3}),
    ),
    "very late simulator": (
        {"server_late_p99_ms": 51},
        reasons.SimulatorLate(validity=INVALID, late_p99_ms=51),
    ),
    "server saw fewer": (
        {"server_open_peak": 95},
        reasons.ConcurrencyNotReached(validity=SUSPECT, peak=95, target=100, seen_by="server"),
    ),
    "server saw far fewer": (
        {"server_open_peak": 67},
        reasons.ConcurrencyNotReached(validity=INVALID, peak=67, target=100, seen_by="server"),
    ),
    "overflows": (
        {"listen_overflows": 4},
        reasons.ListenQueue(validity=SUSPECT, event="overflows", number=4),
    ),
    "drops": ({"listen_drops": 2}, reasons.ListenQueue(validity=SUSPECT, event="drops", number=2)),
    "clock": ({"clock_step_ns": -30_000_000}, reasons.ClockStepped(validity=SUSPECT, step_ms=-30.0)),
    "few": ({"streams": 9, "concurrency": 9}, reasons.FewStreams(validity=SUSPECT, streams=9, needed=10)),
    "none": ({"warmup_ms": 60_000}, reasons.NothingAfterWarmup(validity=INVALID, warmup_s=60.0)),
    "late start": ({"late_start_ms": 80}, reasons.StartedLate(validity=SUSPECT, percentile=99, late_ms=80.0)),
    "late start of few": (
        {"late_start_ms": 80, "streams": 50, "concurrency": 50},
        reasons.StartedLate(validity=SUSPECT, percentile=50, late_ms=80.0),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_every_reason_has_its_values(name):
    how, reason = CASES[name]
    found, against = judged(recording(**how))
    assert found is reason.validity
    assert reason in against


FINE = {
    "plain": {},
    "a library's own limit": {
        "client": "aiohttp limits=default",
        "server_open_peak": 50,
    },
    "stamps missing": {"stamped": False},
    "server unknown": {"server_late_p99_ms": None},
    "another host": {"same_host": False},
    "one percent failed": {"outcomes": {"reset": 2}},
    "stopped is no failure": {"outcomes": {"stopped": 50}},
    "queues of threads": {"mode": "threads", "run_wait_share": 40.0},
    "a client that sends late": {"send_delay_ms": 200},
    "a client that reads late": {"lag_us": 2_000_000},
    "a busy client": {"cpu_us_per_token": 500},
    "a core half used by others, without effect": {"others_share": 0.5},
    "a little steal": {"steal_share": 0.3},
    "late simulator": {"server_late_p99_ms": 40},
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


def test_a_client_at_its_limit_that_starts_late_is_a_result():
    (summary,) = summarise(run(".", [recording(late_start_ms=80, cpu_us_per_token=600)]))
    assert (summary.limited_by, summary.validity, summary.reasons) == (Limit.CLIENT, Validity.VALID, ())


WAITS = {"others_share": 0.6, "run_wait_share": 9.0, "voluntary_per_token": 0.01}


@pytest.mark.parametrize(
    ("how", "found"),
    [
        (WAITS, SUSPECT),  # 430 ms at every wake-up
        ({**WAITS, "run_wait_share": 0.1}, Validity.VALID),  # 5 ms
        ({"others_share": 0.6}, Validity.VALID),  # no wait at all
        ({**WAITS, "repeats": 2}, SUSPECT),  # shown without an interval too
        ({"others_share": 0.7, "run_wait_share": 0.95}, SUSPECT),  # starved
    ],
)
def test_a_disturbed_median_is_suspect_and_nothing_less(how, found):
    how = dict(how)
    made = [recording(repeat=n, index=n, **how) for n in range(how.pop("repeats", 3))]
    (summary,) = summarise(run(".", made))
    assert summary.validity is found
    assert [type(reason) for reason in summary.reasons] == [reasons.MachineDisturbed] * (found is SUSPECT)


def test_no_machine_no_complaint():
    assert judged(replace(recording(), machine=None)) == (Validity.VALID, ())
    empty = replace(recording(), machine=Machine(window_ns=0, others_ns=5))
    assert judged(empty) == (Validity.VALID, ())


def test_the_gravest_reason_decides_and_comes_first():
    found, against = judged(recording(server_late_p99_ms=80, listen_drops=1, outcomes={"reset": 100}))
    assert found is INVALID
    assert [type(reason) for reason in against] == [
        reasons.SimulatorLate,
        reasons.StreamsFailed,
        reasons.ListenQueue,
    ]


def test_reasons_name_their_repeat():
    (summary,) = summarise(run(".", [recording(), recording(repeat=1, index=1, listen_drops=1)]))
    assert summary.validity is SUSPECT
    assert summary.reasons == (reasons.ListenQueue(validity=SUSPECT, event="drops", number=1, repeat=1),)


def test_one_repeat_can_be_checked_alone():
    (repeat,) = repeats_of([recording(listen_drops=1)])
    assert validity.verdict(validity.of_repeat(repeat)) is SUSPECT
    assert validity.verdict([]) is Validity.VALID


def test_findings_are_for_what_is_not_valid():
    made = [recording(), recording(client="requests", mode="threads", index=1, listen_drops=1)]
    held = run(".", made)
    summaries = summarise(held)
    assert validity.findings(held, summaries) == [
        ValidityFinding(
            verdict="suspect",
            client=ClientId("requests"),
            level=Level(streams=100),
            reasons=summaries[1].reasons,
        )
    ]


def test_three_rounds_of_few_streams_speak_by_their_interval():
    few = [recording(streams=3, concurrency=1, repeat=n, index=n) for n in range(3)]
    [row] = summarise(run("x", few))
    assert (row.validity, row.value("ttft_n")) == (Validity.VALID, 9)
    [row] = summarise(run("x", few[:2]))
    assert [type(reason) for reason in row.reasons] == [reasons.FewStreams]


@pytest.mark.parametrize(
    ("silent", "streams", "verdict"), [(0, 200, None), (2, 200, None), (3, 200, SUSPECT), (200, 200, INVALID)]
)
def test_streams_that_completed_without_output(silent, streams, verdict):
    made = recording(streams=streams, stamped=False)
    carried = np.arange(streams) >= silent
    counts = made.arrivals.count * np.repeat(carried, made.streams.reads)
    table = replace(made.streams, text_events=made.streams.text_events * carried)
    _, against = judged(replace(made, streams=table, arrivals=replace(made.arrivals, count=counts)))
    expected = reasons.NoOutput(validity=verdict, silent=silent, streams=streams) if verdict else None
    assert next((reason for reason in against if reason.kind == "no_output"), None) == expected


def test_counts_of_tokens_that_cannot_be_are_named_and_not_used():
    made = recording()
    counts = made.streams.server_tokens.copy()
    counts[:3] = [10**12, 20_000_000, 60]
    (summary,) = summarise(run(".", [replace(made, streams=replace(made.streams, server_tokens=counts))]))
    assert summary.reasons == (reasons.TokensNotUsed(validity=SUSPECT, streams=2, tokens=10**12, events=60),)
    assert summary.value("tokens") == 200 * 60

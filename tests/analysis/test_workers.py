"""A cell that several workers shared gives the figures of one that nobody shared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from loadgen.analysis import summarise
from loadgen.analysis.repeats import repeats_of
from loadgen.model import Level, Limit, Load, Stage, Validity, reasons
from loadgen.report.frames import samples_frame, streams_frame
from tests.synthetic import recording, run, split

SUSPECT, INVALID = Validity.SUSPECT, Validity.INVALID
MADE = {
    "jitter": 0.5,
    "lag_jitter": 1.0,
    "ramp_ms": 400,
    "warmup_ms": 400,
    "duration_ms": 9000,
    "streams": 500,
    "threads": 6,
    "outcomes": {"reset": 5, "stopped": 20},
}


def only(recordings):
    (summary,) = summarise(run(".", recordings))
    return summary


def lost(part, *, ended="not heard of for 5 s", streams=None):
    """The part as it is when its worker went after ``streams`` of its streams."""
    kept = np.arange(len(part.streams.slot)) < (len(part.streams.slot) if streams is None else streams)
    reads, stamps = np.repeat(kept, part.streams.reads), np.repeat(kept, part.streams.stamped)
    return replace(
        part,
        ended=ended,
        edges=(),
        machine=None,
        streams=part.streams.rows(kept),
        arrivals=part.arrivals.rows(reads),
        stamps=part.stamps.rows(stamps),
    )


@pytest.mark.parametrize("workers", [2, 4])
def test_the_parts_together_are_the_whole(workers):
    wholes = [recording(repeat=i, index=i, **MADE) for i in range(2)]
    whole = only(wholes)
    shared = only([part for each in wholes for part in split(each, workers)])
    assert shared.outcomes == whole.outcomes
    for name, wanted in whole.items():
        found = shared[name]
        if wanted.value is None:
            assert found.value is None, name
            continue
        if name in (
            "cpu_share",
            "cpu_busiest_second_percent",
            "core_wanted_percent",
        ):  # each part has a core of its own
            assert found.value == pytest.approx(wanted.value / workers, rel=1e-6)
            continue
        assert found.value == pytest.approx(wanted.value, rel=1e-12), name
        assert (found.n, found.low_sample) == (wanted.n, wanted.low_sample), name
        if wanted.low is None:
            assert found.low is None, name
        else:  # other streams are grouped together
            assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), rel=0.1), name
    assert (shared.repeats, shared.value("threads_peak")) == (2, 6)


def test_the_order_of_parts_changes_nothing():
    parts = split(recording(**MADE), 4)
    assert only(parts) == only(parts[::-1])


def test_workers_are_ordered_by_number():
    (repeat,) = repeats_of(split(recording(), 12)[::-1])
    assert [m.recording.worker for m in repeat.parts] == [f"host-{n}" for n in range(1, 13)]


def test_clocks_far_apart_change_no_metric():
    made = recording(**MADE)
    assert only(split(made, apart_s=0)) == only(split(made, apart_s=-3000.25))


def test_a_worker_that_is_short_of_cores_counts_with_the_cores_of_all():
    # 95 % of one core each: at its limit, though each repeat had the cores of two workers
    parts = split(recording(lag_us=60_000, cpu_us_per_token=1080))
    s = only(parts)
    assert s.value("cpu_percent") == pytest.approx(2 * 95, rel=0.1)
    assert 90 < s.value("cpu_busiest_second_percent") < 110  # of one core, not of two
    assert (s.limited_by, s.validity) == (Limit.CLIENT, Validity.VALID)


def test_memory_missing_from_one_worker_is_missing_from_the_row():
    parts = split(recording())
    s = only([parts[0], replace(parts[1], base_rss_kib=None)])
    assert s.value("rss_base_mib") is s.value("rss_per_stream_kib") is None
    assert s.value("rss_peak_mib") is not None


def test_a_lost_worker_makes_the_row_suspect_and_its_streams_count():
    one, two = split(recording(streams=200, concurrency=100))
    s = only([one, lost(two, streams=60)])
    assert (s.validity, s.repeats, s.value("streams"), s.value("ttft_n"), s.value("tokens")) == (
        Validity.SUSPECT,
        1,
        160,
        160,
        160 * 60,
    )
    assert s.reasons == (
        reasons.WorkerLost(validity=SUSPECT, workers=("host-2",), streams=60, ended="not heard of for 5 s"),
    )


def test_a_worker_lost_before_its_first_stream_leaves_the_others_standing():
    one, two = split(recording())
    s = only([one, lost(two, streams=0)])
    assert s.validity is Validity.SUSPECT
    assert s.reasons == (
        reasons.WorkerLost(validity=SUSPECT, workers=("host-2",), streams=0, ended="not heard of for 5 s"),
        reasons.ConcurrencyNotReached(validity=SUSPECT, peak=50, target=100, worker_lost=True),
    )


def test_when_every_worker_ended_early_the_repeat_did():
    s = only([replace(part, ended="interrupted") for part in split(recording())])
    assert s.validity is Validity.INVALID
    assert s.reasons == (
        reasons.EndedEarly(validity=INVALID, workers=("host-1", "host-2"), ended="interrupted"),
    )


def test_a_worker_alone_that_ended_early_is_no_loss_to_others():
    (alone,) = split(recording(), 1)
    s = only([replace(alone, ended="the engine died")])
    assert (s.validity, s.reasons) == (
        Validity.INVALID,
        (reasons.EndedEarly(validity=INVALID, workers=("host-1",), ended="the engine died"),),
    )


def test_a_lost_worker_does_not_excuse_the_others():
    one, two = split(recording())
    refused = np.full(len(one.streams.slot), "refused")
    s = only([replace(one, streams=replace(one.streams, outcome=refused)), lost(two)])
    assert s.validity is Validity.INVALID
    assert s.reasons[0] == reasons.NoneCompleted(
        validity=INVALID, workers=("host-1",), streams=100, outcomes={"refused": 100}
    )


def test_a_part_is_held_against_its_share():
    one, two = split(recording())
    assert only([one, two]).validity is Validity.VALID
    s = only([one, replace(two, share=60)])
    assert (s.validity, s.reasons) == (
        Validity.SUSPECT,
        (reasons.ConcurrencyNotReached(validity=SUSPECT, workers=("host-2",), peak=50, target=60),),
    )


def test_a_worker_without_a_stream_is_no_fault():
    one = recording(concurrency=1, streams=20)
    assert only(split(one)).validity is Validity.VALID
    nobody = [replace(part, ended="interrupted") for part in split(one)]
    assert only(nobody).validity is Validity.INVALID


def test_what_the_workers_do_not_reach_together_is_reported_for_the_row():
    fewer = split(recording(streams=80, concurrency=80, server_open_peak=100))
    s = only([replace(part, level=Level(streams=100)) for part in fewer])
    assert (s.validity, s.reasons) == (
        Validity.INVALID,
        (reasons.ConcurrencyNotReached(validity=INVALID, peak=80, target=100),),
    )


def test_equal_reasons_are_reported_once_and_others_per_worker():
    parts = split(recording(listen_drops=3), 3)
    stepped = replace(
        parts[1], clock=(parts[1].clock[0], (parts[1].clock[1][0], parts[1].clock[1][1] + 10**8))
    )
    s = only([parts[0], stepped, parts[2]])
    assert s.reasons == (
        reasons.ClockStepped(validity=SUSPECT, workers=("host-2",), step_ms=100.0),
        reasons.ListenQueue(
            validity=SUSPECT, workers=("host-1", "host-2", "host-3"), event="drops", number=3
        ),
    )
    assert s.value("lag_n") == (200 - 66) * 60


def test_one_worker_whose_streams_all_failed_does_not_void_the_others():
    one, two = split(recording())
    outcome = np.full(len(two.streams.slot), "refused")
    s = only([one, replace(two, streams=replace(two.streams, outcome=outcome))])
    assert (s.validity, s.value("ok"), s.value("errors")) == (Validity.SUSPECT, 100, 100)
    refused = {"refused": 100}
    assert s.reasons == (
        reasons.NoneCompleted(validity=SUSPECT, workers=("host-2",), streams=100, outcomes=refused),
        reasons.StreamsFailed(validity=SUSPECT, failed=100, streams=200, outcomes=refused),
    )


def test_the_simulators_log_counts_for_the_whole_cell():
    s = only(split(recording(server_late_p99_ms=60)))
    assert (s.validity, s.reasons) == (
        Validity.INVALID,
        (reasons.SimulatorLate(validity=INVALID, late_p99_ms=60),),
    )


def test_threads_are_those_of_all_workers():
    made = replace(recording(client="requests", mode="threads", threads=102), base_threads=2)
    s = only(split(made))
    assert (s.value("threads_peak"), s.value("threads_added")) == (102, 100)


def test_tables_name_the_worker():
    parts, local = split(recording(streams=10, concurrency=4)), recording(index=1, repeat=1)
    frame = streams_frame(run(".", [*parts, local]))
    assert frame.groupby(["cell", "worker"]).size().to_dict() == {
        (0, "host-1"): 5,
        (0, "host-2"): 5,
        (1, ""): 200,
    }
    assert frame[frame["cell"] == 0]["stream"].tolist() == list(range(10))
    assert frame[frame["worker"] == "host-2"]["start_ms"].min() == 0
    samples = samples_frame(run(".", [*parts, local]))
    assert set(samples["worker"]) == {"host-1", "host-2", ""}
    assert samples.groupby("worker")["at_ms"].min().to_dict() == {"": 0, "host-1": 0, "host-2": 0}


def test_a_ramp_has_no_mean_of_open_streams():
    made = recording()
    load = Load(stages=(Stage(100, 5.0), Stage(0, 5.0)))
    s = only([replace(made, workload=replace(made.workload, load=load))])
    assert (s.value("live_peak"), s.value("live_mean")) == (100, None)
    assert s.validity is Validity.VALID

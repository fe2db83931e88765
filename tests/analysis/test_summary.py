from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np
import pytest

from loadgen.analysis import summarise
from loadgen.model import ClientId, Level, Validity, reasons
from tests.synthetic import recording, run


def only(*recordings, folder=".", **about):
    (summary,) = summarise(run(folder, recordings, **about))
    return summary


def counts(summary):
    return tuple(summary.value(name) for name in ("streams", "ok", "errors", "tokens"))


def test_known_truth():
    s = only(*(recording(repeat=i, index=i, lag_us=250, cpu_us_per_token=20) for i in range(2)))
    assert (s.client, s.mode, s.level, s.repeats) == (ClientId("aiohttp"), "tasks", Level(streams=100), 2)
    assert counts(s) == (400, 400, 0, 24_000)
    assert (s.value("ttft_p50_ms"), s.value("ttft_p99_ms")) == (300.25, 300.25)
    assert s["ttft_p50_ms"].low == pytest.approx(300.25, rel=0.001)
    assert (s.value("itl_p50_ms"), s.value("itl_p99_ms"), s.value("tpot_p50_ms")) == (50, 50, 50)
    assert s.value("total_p50_ms") == pytest.approx(300.25 + 59 * 50 + 0.1)
    assert (s.value("lag_p50_ms"), s.value("lag_p99_ms"), s.value("relative_lag_p99_ms")) == (0.25, 0.25, 0)
    assert (s.value("ttft_n"), s.value("itl_n"), s.value("lag_n")) == (400, 400 * 59, 24_000)
    assert (s.value("live_peak"), s.value("live_mean")) == (100, pytest.approx(100))
    assert s.value("tokens_per_s") == pytest.approx(12_000 / (2 * 3.25035), rel=1e-6)
    assert s.value("cpu_us_per_token") == pytest.approx(20)
    assert s.value("cpu_s") == pytest.approx(24_000 * 20e-6)
    assert s.value("cpu_percent") == pytest.approx(100 * 0.24 / (2 * 3.25035), rel=1e-3)
    assert s.value("voluntary_switches_per_token") == pytest.approx(0.1)
    assert s.value("involuntary_switches_per_token") == pytest.approx(0.01)
    assert s.value("run_wait_percent") == pytest.approx(1)
    assert (s.value("rss_base_mib"), s.value("rss_per_stream_kib"), s.value("threads_peak")) == (
        40_000 / 1024,
        30,
        1,
    )
    assert s.value("rss_peak_mib") == pytest.approx(43_000 / 1024)
    assert s.value("events_per_read") == 1
    assert (s.validity, s.reasons) == (Validity.VALID, ())
    assert s["ttft_p99_ms"].low_sample
    assert not s["itl_p99_ms"].low_sample


def test_failed_streams_count_as_errors_and_stopped_ones_as_neither():
    s = only(recording(streams=300, outcomes={"truncated": 3, "http_status": 2, "stopped": 5}))
    assert counts(s)[:3] == (300, 290, 5)
    assert s.outcomes == {"http_status": 2, "ok": 290, "stopped": 5, "truncated": 3}
    assert s.value("ttft_n") == 290
    assert s.value("tokens") == 290 * 60 + 8 * 30  # what failed streams got was received all the same


def test_the_warm_up_is_excluded_and_marked():
    s = only(recording(streams=500, ramp_ms=1000, warmup_ms=2000))
    assert (s.value("startup_streams"), s.value("streams")) == (100, 400)
    assert s.value("startup_ttft_p50_ms") == pytest.approx(300.2)
    assert only(recording()).value("startup_ttft_p50_ms") is None


def test_coalesced_reads():
    s = only(recording(per_read=3, lag_us=0))
    assert s.value("events_per_read") == 3
    assert s.value("itl_p50_ms") == 0
    assert s.value("itl_p90_ms") == 150
    assert s.value("itl_n") == 200 * 59
    assert s.value("lag_p99_ms") == 100


def test_the_server_counts_the_tokens():
    s = only(recording(server_tokens_per_event=2.0))
    assert s.value("tokens") == 200 * 120
    assert s.value("tpot_p50_ms") == pytest.approx(59 * 50 / 119, rel=1e-5)
    assert s.value("tokens_per_s") == pytest.approx(24_000 / 6.5006, rel=1e-3)


def test_what_was_not_measured_is_none():
    made = recording(
        stamped=False, base_rss_kib=None, cpu_us_per_token=None, voluntary_per_token=None, run_wait_share=None
    )
    s = only(made)
    assert (
        s.value("lag_p50_ms")
        is s.value("lag_p99_ms")
        is s["lag_p99_ms"].low
        is s.value("relative_lag_p50_ms")
        is None
    )
    assert (
        s.value("cpu_s")
        is s.value("cpu_us_per_token")
        is s.value("cpu_percent")
        is s.value("voluntary_switches_per_token")
        is None
    )
    assert (
        s.value("rss_base_mib")
        is s.value("rss_per_stream_kib")
        is s.value("run_wait_percent")
        is s.value("load_max_ms")
        is None
    )
    assert s.validity is Validity.VALID


def test_no_edges_no_cpu_but_still_tokens_per_second():
    s = only(replace(recording(), edges=(), machine=None, server=None))
    assert s.value("cpu_s") is None
    assert s.value("tokens_per_s") == pytest.approx(12_000 / 6.5006, rel=1e-3)


def test_another_host_gives_the_relative_lag_only():
    s = only(recording(same_host=False, lag_jitter=1.0))
    assert s.value("lag_p50_ms") is s["lag_p99_ms"].low is None
    assert s.value("lag_n") == 0
    assert s.value("relative_lag_p99_ms") > 0


def test_few_streams_leave_high_percentiles_empty():
    s = only(recording(concurrency=10, streams=15))
    assert s.value("ttft_p90_ms") is not None
    assert s.value("ttft_p95_ms") is s.value("ttft_p99_ms") is s["ttft_p99_ms"].low is None
    assert s.value("itl_p99_ms") == 50


def test_intervals_contain_the_value_and_narrow_with_more_streams():
    few = only(recording(streams=100, jitter=0.5))
    many = only(recording(streams=3000, jitter=0.5))
    for s in (few, many):
        for name in ("ttft_p50_ms", "itl_p99_ms", "total_p50_ms", "lag_p99_ms"):
            assert s[name].low <= s[name].value <= s[name].high
    wide, narrow = few["ttft_p50_ms"], many["ttft_p50_ms"]
    assert narrow.high - narrow.low < wide.high - wide.low


def cells():
    return [
        recording(
            client=client,
            mode=mode,
            concurrency=n,
            repeat=repeat,
            index=i,
            jitter=0.5,
            lag_jitter=1,
            streams=150,
        )
        for i, (client, mode, n, repeat) in enumerate(
            (client, mode, n, repeat)
            for repeat in range(2)
            for n in (10, 50)
            for client, mode in (("requests", "threads"), ("aiohttp", "tasks"))
        )
    ]


def test_the_order_of_cells_changes_nothing_and_the_scenario_orders_the_rows():
    made = cells()
    planned = run(".", made)
    forward = summarise(planned)
    backward = summarise(replace(planned, recordings=planned.recordings[::-1]))
    assert forward == backward == summarise(planned)
    assert [(s.client.label, s.level.streams) for s in forward] == [
        ("requests", 10),
        ("requests", 50),
        ("aiohttp", 10),
        ("aiohttp", 50),
    ]


def test_variants_are_clients_of_their_own():
    labels = ["requests session=shared", "requests"]
    found = summarise(
        run(".", [recording(client=label, index=i, mode="threads") for i, label in enumerate(labels)])
    )
    assert [s.client.label for s in found] == labels


def test_pooling_is_over_raw_values_not_over_percentiles():
    fast, slow = recording(ttft_ms=100, streams=300), recording(ttft_ms=900, streams=100, repeat=1, index=1)
    s = only(fast, slow)
    assert s.value("ttft_p50_ms") == pytest.approx(100.2)
    assert s.value("ttft_p90_ms") == pytest.approx(900.2)


def test_a_cell_that_broke_off_is_left_out_while_others_stand():
    s = only(recording(), recording(repeat=1, index=1, ttft_ms=9, ended="interrupted"))
    assert (s.repeats, s.value("streams"), s.value("ttft_n"), s.validity) == (1, 400, 200, Validity.SUSPECT)
    early = reasons.EndedEarly(validity=Validity.INVALID, ended="interrupted")
    assert s.reasons == (reasons.RepeatExcluded(validity=Validity.SUSPECT, repeat=1, reasons=(early,)),)
    alone = only(recording(ended="the engine died: signal 9"))
    assert (alone.repeats, alone.validity) == (1, Validity.INVALID)


def test_an_empty_recording_and_an_empty_run():
    made = recording(streams=10, concurrency=10)
    empty = replace(
        made,
        streams=made.streams.rows(slice(0)),
        arrivals=made.arrivals.rows(slice(0)),
        stamps=made.stamps.rows(slice(0)),
        samples=made.samples.rows(slice(0)),
        edges=(),
        window=(made.start, made.start),
        clock=(made.clock[0], made.clock[0]),
    )
    s = only(empty)
    assert s.validity is Validity.INVALID
    for name in (
        "ttft_p50_ms",
        "itl_p50_ms",
        "lag_p50_ms",
        "cpu_s",
        "tokens_per_s",
        "live_peak",
        "threads_peak",
    ):
        assert s.value(name) is None
    assert summarise(run(".", [])) == []


def test_every_estimate_is_a_plain_python_value():
    s = only(recording())
    values = [figure for estimate in s.values() for figure in astuple(estimate)]
    assert not [value for value in values if isinstance(value, np.generic)]


def test_failures_of_a_cell_that_is_left_out_count_all_the_same():
    s = only(recording(streams=200), recording(repeat=1, index=1, streams=200, outcomes={"refused": 200}))
    assert (s.repeats, *counts(s)[1:3], s.validity) == (1, 200, 200, Validity.SUSPECT)
    refused = reasons.NoneCompleted(validity=Validity.INVALID, streams=200, outcomes={"refused": 200})
    assert s.reasons == (reasons.RepeatExcluded(validity=Validity.SUSPECT, repeat=1, reasons=(refused,)),)

"""How the time divides into the client's part and the parts that the server reports."""

from dataclasses import replace

import numpy as np
import pytest

from loadgen import analysis
from loadgen.analysis.time_parts import findings
from loadgen.model import Part, Recording
from tests import synthetic


def found(*recordings: Recording):
    run = synthetic.run("/nowhere", list(recordings))
    return findings(run, analysis.summarise(run))


def total(parts):
    return sum(parts.values())


@pytest.mark.parametrize(("sent_ms", "client_ms"), [(7, 3), (5, 1), (2, 0), (None, 0), (50, 7)])
def test_the_parts_are_what_is_known_of_client_and_server_and_add_up_to_the_total(sent_ms, client_ms):
    made = synthetic.recording(
        ttft_ms=100, send_delay_ms=7, sent_ms=sent_ms, lag_us=2000, streams=200, tokens=20
    )
    # the server reports the prompt up to the first token; of 100 ms it has 60, after a queue of 33
    reported = replace(made.streams, prompt_ns=made.streams.prompt_ns - 40_000_000)
    (one,) = found(replace(made, streams=reported))
    assert one.streams == 200
    assert one.contradicted == 0
    assert not {Part.LOAD, Part.UNSPLIT, Part.FIRST_DECODE} & one.mean.keys()
    assert one.mean.get(Part.SEND, 0) == pytest.approx(client_ms, abs=0.1)
    assert one.mean.get(Part.UNRECEIVED, 0) == pytest.approx(7 - client_ms, abs=0.1)
    assert one.mean[Part.QUEUE] == pytest.approx(33, abs=0.1)
    assert one.mean[Part.PROMPT] == pytest.approx(60, abs=0.1)
    assert one.mean[Part.RECEIVE] == pytest.approx(2, abs=0.1)
    assert one.mean[Part.DECODE] == pytest.approx(950, abs=0.1)
    assert total(one.mean) == pytest.approx(100 + 950 + 2 + 0.1, abs=0.1)


def test_the_slowest_are_divided_apart_where_there_are_enough():
    (one,) = found(synthetic.recording(ttft_ms=100, jitter=0.5, streams=200))
    assert one.slowest[Part.PROMPT] > 1.5 * one.mean[Part.PROMPT]
    (few,) = found(synthetic.recording(concurrency=5, streams=10))
    assert few.slowest is None


@pytest.mark.parametrize("unknown", [{"same_host": False}, {"clock_step_ns": 10**12}])
def test_without_the_servers_clock_the_clients_part_is_not_told_apart(unknown):
    (one,) = found(synthetic.recording(ttft_ms=100, lag_us=2000, **unknown))
    assert not {Part.SEND, Part.RECEIVE} & one.mean.keys()
    assert one.mean[Part.UNSPLIT] == pytest.approx(2, abs=0.1)


def test_a_server_that_reports_nothing_divides_nothing():
    made = synthetic.recording(stamped=False, send_delay_ms=5)
    silent = np.full(len(made.streams), -1)
    silent = dict.fromkeys(("total_ns", "prompt_ns", "decode_ns", "end_stamp_ns"), silent)
    assert found(replace(made, streams=replace(made.streams, **silent))) == []


def test_contradictions_are_counted_and_not_divided():
    made = synthetic.recording(ttft_ms=100, streams=20, concurrency=20)
    absurd = replace(made.streams, prompt_ns=made.streams.prompt_ns * np.where(np.arange(20) < 5, 10, 1))
    (one,) = found(replace(made, streams=absurd))
    assert one.contradicted == 5
    assert one.mean[Part.UNSPLIT] == pytest.approx(25, abs=0.1)
    assert min(one.mean.values()) >= 0


def test_failed_streams_and_controls_do_not_count():
    made = synthetic.recording(streams=50, outcomes={"reset": 10})
    control = replace(made, client=replace(made.client, control=True), index=1)
    (one,) = found(made, control)
    assert (one.client, one.streams) == (made.client, 40)


@pytest.mark.parametrize(
    ("openers", "shown"),
    [(200, True), (50, False), (0, False)],  # of 200 streams: 12 %, 3 % and nothing of the TTFT
)
def test_opening_connections_is_divided_from_a_silent_server_where_it_is_a_tenth(openers, shown):
    made = synthetic.recording(
        stamped=False, ttft_ms=100, streams=200, opening_ms=(-1, 2, 10), openers=openers
    )
    silent = dict.fromkeys(
        ("total_ns", "prompt_ns", "decode_ns", "end_stamp_ns"), np.full(len(made.streams), -1)
    )
    names = [set(one.mean) & {*Part} for one in found(replace(made, streams=replace(made.streams, **silent)))]
    assert names == ([{Part.CONNECT, Part.TLS, Part.UNSPLIT, Part.DECODE, Part.REST}] if shown else [])


@pytest.mark.parametrize(("openers", "shown"), [(200, True), (20, True), (10, False)])
def test_less_than_a_hundredth_of_the_ttft_is_not_shown(openers, shown):
    (one,) = found(synthetic.recording(ttft_ms=100, streams=200, opening_ms=(1, 1, 10), openers=openers))
    assert (Part.TLS in one.mean) == shown

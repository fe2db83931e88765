"""How the TTFT divides into the client's part and the server's."""

from dataclasses import replace

import pytest

from loadgen import analysis
from loadgen.analysis.first_token import findings
from loadgen.model import Recording
from tests import synthetic


def found(*recordings: Recording):
    run = synthetic.run("/nowhere", list(recordings))
    return findings(run, analysis.summarise(run))


def test_the_parts_are_what_the_client_and_the_server_did_and_add_up_to_the_ttft():
    made = synthetic.recording(ttft_ms=100, send_delay_ms=7, lag_us=2000, streams=200)
    (one,) = found(made)
    assert one.streams == 200
    assert one.mean.send_ms == pytest.approx(7, abs=0.1)
    assert one.mean.receive_ms == pytest.approx(2, abs=0.1)
    assert one.mean.send_ms + one.mean.server_ms + one.mean.receive_ms == pytest.approx(102, abs=0.1)


def test_the_slowest_are_divided_apart_where_there_are_enough():
    (one,) = found(synthetic.recording(ttft_ms=100, jitter=0.5, streams=200))
    assert one.slowest.server_ms > 1.5 * one.mean.server_ms
    (few,) = found(synthetic.recording(concurrency=5, streams=10))
    assert few.slowest is None


@pytest.mark.parametrize("unknown", [{"stamped": False}, {"same_host": False}, {"clock_step_ns": 10**12}])
def test_without_the_servers_clock_there_is_none(unknown):
    assert found(synthetic.recording(**unknown)) == []


def test_failed_streams_and_controls_do_not_count():
    made = synthetic.recording(streams=50, outcomes={"reset": 10})
    control = replace(made, client=replace(made.client, control=True), index=1)
    (one,) = found(made, control)
    assert (one.client, one.streams) == (made.client, 40)

"""Against another server, which shares no line with loadgen and records what it sent: nothing lost, nothing made up.

How close they are is measured by ``benchmarks/truth.py``; here nothing depends on time.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass

import numpy as np
import pytest

import loadgen
from benchmarks.truth import Stream, counted, metrics, nearest_rank, server
from loadgen.model import Recording
from tests.cli import command
from tests.cli.command import scenario

CLIENTS = ["requests", "httpx-sync", "httpx-async", "aiohttp", "floor"]
TOKENS, SLOTS, REQUESTS = 12, 4, 2


@dataclass(frozen=True)
class Both:
    run: loadgen.Run
    records: list[Stream]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    folder = tmp_path_factory.mktemp("truth")
    path = scenario(folder, clients=CLIENTS, concurrency=SLOTS, load={"requests": REQUESTS, "ramp": "50ms"})
    # A delay of three gaps that is made up for at once looks like a clock that was set: gaps no busy machine delays so.
    flags = ("--ttft", "0.05", "--gap", "0.04", "--tokens", str(TOKENS))
    with server(folder / "record.json", *flags) as url:
        ran = command.invoke("run", path, "--url", url, "--out", folder / "run", cwd=folder)
    assert ran.returncode == 0, ran.stderr
    return Both(loadgen.Run.load(folder / "run"), json.loads((folder / "record.json").read_text()))


def arrivals(recording: Recording) -> list[np.ndarray]:
    """When each token came, stream by stream."""
    reads = np.split(np.arange(len(recording.arrivals.at)), np.cumsum(recording.streams.reads)[:-1])
    return [np.repeat(recording.arrivals.at[rows], recording.arrivals.count[rows]) for rows in reads]


def test_every_stream_and_every_token_is_accounted_for(both: Both) -> None:
    assert list(both.run.streams()["outcome"]) == ["ok"] * (len(CLIENTS) * SLOTS * REQUESTS)
    assert len(both.records) == len(CLIENTS) * SLOTS * REQUESTS
    first_stamps = [stamp for recording in both.run.recordings for stamp in recording.streams.first_stamp_ns]
    assert sorted(first_stamps) == sorted(record["stamps"][0] for record in both.records)
    assert set(both.run.streams()["tokens"]) == {TOKENS}
    assert both.run.summary()["tokens"].sum() == sum(len(record["sent"]) for record in both.records)


def test_every_stamp_is_the_servers_own(both: Both) -> None:
    for recording in both.run.recordings:
        stamps = np.split(recording.stamps.us, np.cumsum(recording.streams.stamped)[:-1])
        for record, us in zip(counted(recording, both.records), stamps, strict=True):
            since_first = np.array(record["stamps"]) - record["stamps"][0]
            assert us.tolist() == (since_first // 1000).tolist()


def test_nothing_comes_before_it_was_sent_or_in_another_order(both: Both) -> None:
    for recording in both.run.recordings:
        streams = recording.streams
        for place, record in enumerate(counted(recording, both.records)):
            came = arrivals(recording)[place]
            assert (np.diff(came) >= 0).all()
            assert (came >= np.array(record["sent"])).all()
            assert streams.due[place] <= streams.start[place] <= record["received"]
            assert streams.headers[place] >= record["sent"][0]
            assert came[-1] <= streams.end[place]


def test_the_values_are_those_that_were_recorded(both: Both) -> None:
    with (both.run.folder / "streams.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in both.run.summary().to_dict("records"):
        [recording] = [each for each in both.run.recordings if each.client.label == row["client"]]
        ttft = np.array([float(r["ttft_ms"]) for r in rows if r["client"] == row["client"]]) * 1e6
        gaps = np.concatenate([np.diff(came) for came in arrivals(recording)])
        assert row["ttft_p50_ms"] == pytest.approx(nearest_rank(ttft, 50), abs=1e-5)
        assert row["itl_p50_ms"] == pytest.approx(nearest_rank(gaps, 50), abs=1e-5)
        assert row["itl_n"] == SLOTS * REQUESTS * (TOKENS - 1)
        assert row["ttft_n"] == SLOTS * REQUESTS
        # A stream starts before its request is there, and a token comes after it was sent.
        assert row["ttft_p50_ms"] >= metrics(counted(recording, both.records))["ttft_p50_ms"]


def test_lag_is_arrival_less_send_time(both: Both) -> None:
    for row in both.run.summary().to_dict("records"):
        [recording] = [each for each in both.run.recordings if each.client.label == row["client"]]
        sent = np.concatenate([record["sent"] for record in counted(recording, both.records)])
        lag = np.concatenate(arrivals(recording)) - sent
        assert (lag >= 0).all()
        # Two clocks, read one after the other in the server: the median does not see who was interrupted between.
        assert row["lag_p50_ms"] == pytest.approx(nearest_rank(lag, 50), abs=0.5)
        assert row["lag_n"] == SLOTS * REQUESTS * TOKENS

from __future__ import annotations

import re
from dataclasses import fields, replace

import pandas as pd
import pytest

from loadgen.analysis import summarise
from loadgen.model import Sample
from loadgen.report.frames import samples_frame, streams_frame, summary_frame
from loadgen.report.tables import summary_columns
from tests.synthetic import ZERO, recording, run

STREAM_CONTRACT = (
    "cell, client, concurrency, repeat, stream, outcome, status, due_ms, start_ms, headers_ms, first_byte_ms, "
    "ttft_ms, total_ms, tokens, bytes, reads, error"
)


def test_streams_have_the_contract_s_columns_first():
    frame = streams_frame(run(".", [recording()]))
    assert ", ".join(frame.columns).startswith(f"{STREAM_CONTRACT}, ")
    assert len(frame) == 200


def test_stream_values():
    made = recording(
        concurrency=2, streams=4, tokens=4, per_read=2, outcomes={"reset": 1, "refused": 1}, warmup_ms=100
    )
    frame = streams_frame(run(".", [replace(made, index=7)]))
    first, reset, refused = frame.iloc[0], frame.iloc[2], frame.iloc[3]
    assert (first["cell"], first["stream"], first["slot"], first["outcome"], first["status"]) == (
        7,
        0,
        0,
        "ok",
        200,
    )
    assert (first["due_ms"], first["start_ms"], first["first_byte_ms"]) == (0, 0, 350.2)
    assert (first["headers_ms"], first["ttft_ms"], first["tpot_ms"]) == (350.1, 350.2, pytest.approx(100 / 3))
    assert (first["tokens"], first["text_events"], first["reads"], first["bytes"]) == (4, 4, 3, 400)
    assert first["lag_max_ms"] == pytest.approx(50.2)
    assert (first["server_total_ms"], first["server_prompt_tokens"]) == (450, 10)
    assert bool(first["warmup"])
    assert first["error"] == ""
    assert not bool(reset["warmup"])
    assert reset["start_ms"] == pytest.approx(450.3)
    assert (reset["outcome"], reset["tokens"], reset["error"]) == ("reset", 2, "it ended as reset")
    assert reset[["server_tokens", "server_total_ms"]].isna().all()
    assert refused[["status", "headers_ms", "first_byte_ms", "ttft_ms", "tpot_ms", "lag_max_ms"]].isna().all()
    assert refused["tokens"] == 0


def test_what_is_missing_is_empty_in_csv():
    frame = streams_frame(run(".", [recording(streams=2, concurrency=2, stamped=False)]))
    header, row, *_ = frame.to_csv(index=False).splitlines()
    values = dict(zip(header.split(","), row.split(","), strict=True))
    assert values["lag_max_ms"] == values["server_load_ms"] == ""
    assert values["ttft_ms"] == "300.2"


@pytest.mark.parametrize("how", [{"same_host": False}, {"clock_step_ns": 50_000_000}, {"stamped": False}])
def test_no_lag_per_stream_where_it_means_nothing(how):
    assert streams_frame(run(".", [recording(**how)]))["lag_max_ms"].isna().all()


def test_samples():
    frame = samples_frame(
        run(".", [recording(), recording(client="requests", mode="threads", index=1, repeat=1)])
    )
    own = [f.name for f in fields(Sample) if f.name != "at"]
    assert list(frame.columns)[4:] == ["at_ms", *own, "worker", "attempt", "engine"]
    assert frame["at_ms"].iloc[0] == 0
    assert frame["voluntary"].isna().all()
    assert frame.groupby("client")["threads"].max().to_dict() == {"aiohttp": 1, "requests": 101}


def test_columns_and_dtypes_are_the_same_with_and_without_rows():
    empty, full = run(".", []), run(".", [recording(streams=3, concurrency=1)])
    for frame_of in (streams_frame, samples_frame, lambda r: summary_frame(summarise(r))):
        pd.testing.assert_series_equal(frame_of(empty).dtypes, frame_of(full).dtypes)
        assert frame_of(empty).empty


def test_summaries():
    made = [recording(server_late_p99_ms=9, listen_drops=1, stamped=False, outcomes={"reset": 1})]
    frame = summary_frame(summarise(run(".", made)))
    assert list(frame.columns) == summary_columns()
    row = frame.iloc[0]
    assert re.fullmatch(r"the listen queue .+", row["reasons"])
    assert (row["validity"], row["outcomes"]) == ("suspect", "199 ok; 1 reset")
    assert pd.isna(row["lag_p50_ms"])
    assert (str(frame["lag_p50_ms"].dtype), str(frame["streams"].dtype)) == ("Float64", "Int64")


def test_the_same_run_gives_the_same_csv():
    made = run(".", [recording(jitter=0.4)])
    assert summary_frame(summarise(made)).to_csv() == summary_frame(summarise(made)).to_csv()
    assert streams_frame(made).to_csv() == streams_frame(made).to_csv()


def test_marks_count_from_the_cell_s_start():
    made = recording(ramp_ms=500, streams=100)
    frame = streams_frame(run(".", [made]))
    assert frame["due_ms"].tolist() == [(due - ZERO) / 1e6 for due in made.streams.due]


def test_the_servers_speeds_are_per_stream():
    made = recording(streams=3, concurrency=3, tokens=11, ttft_ms=100, gap_ms=50, outcomes={"reset": 1})
    frame = streams_frame(run(".", [made]))
    assert frame["prompt_tokens_per_s"].tolist()[:2] == pytest.approx([100, 100])
    assert frame["decode_tokens_per_s"].tolist()[:2] == pytest.approx([22, 22])
    assert frame[["prompt_tokens_per_s", "decode_tokens_per_s"]].iloc[2].isna().all()

"""Messages between master and workers arrive as they were sent, or are refused."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.distributed import messages
from loadgen.gate import BadData
from loadgen.lab.spool import Rows
from loadgen.model import (
    PAUSES,
    ClientId,
    CpuSample,
    Level,
    Load,
    Outcome,
    Pause,
    RecordingInfo,
    Sample,
    Stream,
    Usage,
    Workload,
)

SLOTS = st.lists(st.integers(0, 1 << 20), max_size=5).map(tuple)
MARKS = st.integers(0, 1 << 62)
COUNTS = st.integers(0, 10**9)

BARE = RecordingInfo(
    index=3,
    client=ClientId("requests", {"session": "shared"}),
    mode="threads",
    level=Level(streams=10),
    repeat=1,
    workload=Workload(prompts=(), load=Load(duration=1.0)),
    ended="the engine died (signal 9)",
    start=5,
    window=(6, 7),
    clock=((1, 2), (3, 4)),
    same_host=True,
    base_rss_kib=40_000,
    base_threads=None,
    edges=(Sample(at=6, cpu_ns=1), Sample(at=7, cpu_ns=2)),
)

streams = st.builds(
    Stream,
    slot=st.integers(0, 9999),
    due=MARKS,
    start=MARKS,
    headers=st.none() | MARKS,
    end=MARKS,
    outcome=st.sampled_from(Outcome),
    status=st.none() | st.integers(100, 599),
    error=st.text(),
    size=MARKS,
    arrivals=st.binary(),
    counts=st.binary(),
    stamps=st.binary(),
    first_stamp_ns=st.none() | MARKS,
    usage=st.builds(Usage, tokens=st.none() | MARKS),
)
jobs = st.builds(
    messages.Job,
    number=st.integers(1, 1 << 40),
    scenario=st.text(),
    overrides=st.lists(st.text() | st.tuples(st.text(), st.text(), st.lists(st.integers(0, 99)))).map(tuple),
    fingerprint=st.text(),
    url=st.none() | st.text(),
    place=st.integers(0, 99),
    slots=st.dictionaries(st.integers(0, 99), st.none() | SLOTS, max_size=3),
)
updates = st.builds(
    messages.Update,
    job=st.integers(1, 99),
    cell=st.integers(1, 99),
    recording=st.just(BARE),
    rows=st.builds(
        Rows,
        st.lists(streams, max_size=3),
        st.lists(st.builds(Sample, at=MARKS, rss_kib=st.none() | MARKS), max_size=3),
        st.lists(st.builds(Pause, st.sampled_from(PAUSES), MARKS, MARKS), max_size=3),
        st.lists(st.builds(CpuSample, MARKS, MARKS, st.none() | MARKS), max_size=3),
    ),
    requested=COUNTS,
    most_requested=COUNTS,
    open=COUNTS,
    tokens=MARKS,
    done=st.booleans(),
)


@given(
    updates
    | st.builds(messages.Add, MARKS, st.integers(1, 99), SLOTS)
    | st.builds(messages.End, MARKS, st.none() | st.floats(0, 9))
)
def test_what_is_sent_arrives(message: messages.Update | messages.Add | messages.End) -> None:
    assert messages.unpack(type(message), messages.pack(message)) == message


@given(jobs)
def test_a_job_arrives_with_its_overrides(job: messages.Job) -> None:
    arrived = messages.unpack(messages.Job, messages.pack(job))
    assert msgspec.to_builtins(arrived) == msgspec.to_builtins(job)
    assert [type(each) for each in arrived.overrides] == [type(each) for each in job.overrides]


@pytest.mark.parametrize("data", [b"", b"\xc1", messages.pack(messages.End(1, None)), b"text"])
def test_what_is_no_such_message_is_refused(data: bytes) -> None:
    with pytest.raises(BadData):
        messages.unpack(messages.Job, data)


def test_a_job_has_no_room_for_headers() -> None:
    """Each worker reads them, and the keys in them, from its own file and environment."""
    assert {field.name for field in msgspec.structs.fields(messages.Job)} == {
        "number",
        "scenario",
        "overrides",
        "fingerprint",
        "url",
        "ca",
        "calibration",
        "place",
        "nonce",
        "slots",
        "shares",
    }

"""Whatever a worker sends: the master goes on, keeps what honest workers measured, and names the other one."""

from __future__ import annotations

import json
import subprocess
import sys
from array import array
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from loadgen import store
from loadgen.distributed import messages
from loadgen.lab import plan
from loadgen.lab.lifecycle import RunWriter
from loadgen.lab.spool import Rows
from loadgen.model import (
    ClientId,
    CpuSample,
    Outcome,
    Pause,
    RecordingInfo,
    Sample,
    Scenario,
    ServerLog,
    Stream,
    Usage,
)
from loadgen.scenario import load
from tests.cli.command import scenario as scenario_file
from tests.distributed.network import NOW, Site, site, until

Spoil = Callable[[messages.Update], Any]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    yield from site(monkeypatch)


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    return load(scenario_file(tmp_path, target={"url": "http://127.0.0.1:1"}, concurrency=7))


STREAM = Stream(
    slot=0, due=NOW, start=NOW, headers=NOW, end=NOW + 9, outcome=Outcome.OK, status=200, error="", size=1,
    arrivals=array("q", [NOW + 1]).tobytes(), counts=array("H", [1]).tobytes(), stamps=b"", first_stamp_ns=None,
    usage=Usage(),
)  # fmt: skip


def stream(**changes: Any) -> Spoil:
    return lambda update: msgspec.structs.replace(update, rows=Rows([replace(STREAM, **changes)], [], [], []))


def info(**changes: Any) -> Spoil:
    return lambda update: msgspec.structs.replace(update, recording=replace(update.recording, **changes))


def fields(**changes: Any) -> Spoil:
    return lambda update: msgspec.structs.replace(update, **changes)


def rows(**changes: Any) -> Spoil:
    return lambda update: msgspec.structs.replace(update, rows=Rows([], [], [], [])._replace(**changes))


def raw(*path: str | int, value: Any) -> Spoil:
    """Put a value at a place of the message, whatever its type."""

    def spoil(update: messages.Update) -> bytes:
        plain = msgspec.msgpack.decode(messages.pack(stream()(update)))
        inside = plain
        for key in path[:-1]:
            inside = inside[key]
        inside[path[-1]] = value
        return msgspec.msgpack.encode(plain)

    return spoil


FAR = 1 << 62
LOSE = {
    "no message": lambda _: b"\xff",
    "nothing": lambda _: b"",
    "nested": lambda _: b"\x91" * 300_000,
    "another message": lambda _: messages.pack(messages.End(1, None)),
    "text": lambda _: "text",
    "streams of another worker": stream(slot=1),
    "a slot that is none": stream(slot=10**8),
    "a slot below 0": stream(slot=-1),
    "a mark of 64 bits": raw("rows", 0, 0, "start", value=2**64 - 1),
    "a mark far away": stream(start=FAR),
    "an end far away": stream(end=-FAR),
    "arrivals far away": stream(arrivals=array("q", [FAR]).tobytes()),
    "arrivals of 7 bytes": stream(arrivals=b"1234567"),
    "arrivals without counts": stream(counts=b""),
    "counts without arrivals": stream(arrivals=b""),
    "stamps of 3 bytes": stream(stamps=b"123"),
    "more stamps than text": stream(stamps=array("i", [1, 2, 3]).tobytes()),
    "an unknown outcome": raw("rows", 0, 0, "outcome", value="great"),
    "an outcome that is a list": raw("rows", 0, 0, "outcome", value=[]),
    "a size below 0": stream(size=-1),
    "an error of a megabyte": stream(error="x" * 10**6),
    "usage beyond 64 bits": raw("rows", 0, 0, "usage", "tokens", value=2**64 - 1),
    "a status that is text": raw("rows", 0, 0, "status", value="200"),
    "no recording": raw("recording", value=None),
    "another mode": raw("recording", "mode", value="magic"),
    "a level of 0": raw("recording", "level", value={"streams": 0}),
    "options in options": raw("recording", "client", "options", value=json.loads("[" * 60 + "]" * 60)),
    "a window far away": info(window=(0, FAR)),
    "a clock far away": info(clock=((FAR, 0), (0, 0))),
    "a start far away": info(start=-FAR),
    "edges far away": info(edges=(Sample(at=FAR), Sample(at=0))),
    "no number": raw("recording", "machine", value={"window_ns": float("nan")}),
    "late that is no number": info(
        server=ServerLog(
            streams=1, open_peak=1, sends=1, late_p50_ms=float("inf"), late_p99_ms=0, late_max_ms=0
        )
    ),
    "samples far away": rows(samples=[Sample(at=FAR)]),
    "pauses of another kind": raw("rows", 2, value=[["nap", 1, 2]]),
    "pauses far away": rows(pauses=[Pause("gc_pause", FAR, FAR)]),
    "cpu samples far away": rows(cpu_samples=[CpuSample(-FAR, 1, None)]),
    "more requested than there are": fields(most_requested=10**6),
    "less than nothing requested": fields(requested=-5),
    "open that is no count": raw("open", value="many"),
    "tokens below 0": fields(tokens=-1),
}
IGNORE: dict[str, Spoil] = {
    "another job": fields(job=99),
    "another cell": fields(cell=99),
    "another client": info(
        client=ClientId("<script>"), index=77, repeat=9, worker="host-2", attempt=3, number=5
    ),
    "another's simulator": info(
        server=ServerLog(streams=1, open_peak=1, sends=1, late_p50_ms=None, late_p99_ms=9e9, late_max_ms=9e9)
    ),
}


@pytest.mark.parametrize("spoil", [*LOSE, *IGNORE])
def test_a_hostile_update_costs_nobody_else_anything(
    made: Site, scenario: Scenario, tmp_path: Path, spoil: str
) -> None:
    [cell] = plan.cells(scenario, "http://127.0.0.1:1", ())
    for node in ("a_1", "b_1"):
        made.join(node)
    until(lambda: len(made.coordinator.nodes()) == 2, "the workers")
    made.coordinator.begin(scenario, (), None, [cell], scheduled=True)
    bad, good = made.engine("a_1"), made.engine("b_1")
    bad.stream(0)
    good.stream(1)
    until(lambda: len(made.streams) == 2, "the streams")
    info_: RecordingInfo = bad.recording()
    update = messages.Update(
        job=1, cell=1, recording=info_, rows=Rows([], [], [], []), requested=4, most_requested=4, open=0, tokens=0,
        done=False,
    )  # fmt: skip
    sent = {**LOSE, **IGNORE}[spoil](update)
    data = messages.pack(sent) if isinstance(sent, messages.Update) else sent
    made.network.ends["a_1"].send(messages.UPDATE, data)
    if spoil in LOSE:
        until(lambda: good.slots == set(range(7)), "the slots of the lost worker")
        assert any("a-1" in note for note in made.notes)
    good.stream(3)
    until(lambda: 3 in [each.slot for each in made.streams], "the stream")
    bad.end()
    good.end()
    until(made.coordinator.over, "the end of the job")
    writer = RunWriter(scenario, "", [cell], folder=tmp_path / "run")
    with writer:
        writer.save(cell, made.coordinator.recordings(cell))
    run = store.load(writer.folder)
    assert run.left_out == ()
    kept = {each.worker: sorted(each.streams.slot.tolist()) for each in run.recordings}
    assert kept == {"a-1": [0], "b-2": [1, 3]}
    assert [bool(each.ended) for each in run.recordings] == [spoil in LOSE, False]


# ------------------------------------------------------------------------------------------- Locust's own messages


@pytest.fixture(scope="module")
def real() -> Any:
    """What a real master, in a process that Locust has patched, made of each case."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.distributed.master"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_hostile_message_does_not_end_the_master(real: Any) -> None:
    assert len(real["met"]) > 20
    for name, met in real["met"].items():
        assert met["found"] == [["good_1", str(number)] for number in range(3)], name
        assert (met["there"], len(met["notes"])) == (True, 1), name
        assert "message of evil-" in met["notes"][0], name
        ended = "unknown type" in met["notes"][0]
        assert ended == (name in ("an unknown type", "the end of another worker")), (name, met["notes"])


def test_another_token_is_not_heard(real: Any) -> None:
    """Nor one without any."""
    assert real["strangers"]["found"] == [["good_1", "good"]]
    assert set(real["strangers"]["notes"]) == {"a worker is refused: it has another LOADGEN_TOKEN, or none"}
    assert len(real["strangers"]["refused"]) == 1

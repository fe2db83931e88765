"""Traces in a scenario: their level, what goes with them, and what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from loadgen.distributed.worker import fingerprint
from loadgen.lab.calibrate import lengths
from loadgen.lab.masking import shareable
from loadgen.model import Level, Prompt
from tests.scenario.conftest import Fail
from tests.scenario.conftest import Load as Loader

TRACE: dict[str, Any] = {"trace": "{file: t.jsonl}", "concurrency": None, "load": None, "prompts": None}
LENGTHS = "".join(
    f'{{"timestamp": {at * 500}, "input_length": 700, "output_length": 9}}\n' for at in range(10)
)


@pytest.fixture(autouse=True)
def traces(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(LENGTHS)
    (tmp_path / "bare.csv").write_text("timestamp\n0\n1\n")
    (tmp_path / "chat.jsonl").write_text('{"timestamp": 0, "messages": [{"role": "user", "content": "a"}]}\n')
    (tmp_path / "back.jsonl").write_text('{"timestamp": 2}\n{"timestamp": 1}\n')
    (tmp_path / "t.txt").write_text("0\n")


def test_its_mean_rate_is_the_level(loaded: Loader) -> None:
    scenario = loaded(**TRACE | {"trace": "{file: t.jsonl, speed: [1, 0.5]}"})
    load = scenario.workload.load
    assert scenario.levels == (Level(rate=2.0), Level(rate=1.0))
    assert (load.kind, load.is_open, load.seconds) == ("trace", True, 10.0)
    assert (scenario.workload.prompts, scenario.workload.made_tokens) == ((), 700)
    assert lengths(scenario.workload) == (12, 700)
    assert scenario.workload.example.text


def test_a_load_may_cut_it_and_prompts_stand_beside_it(loaded: Loader) -> None:
    bare = {
        "trace": "{file: bare.csv}",
        "prompts": "[a]",
        "load": "{duration: 1s, max_streams: 7, warmup: 0.5s}",
    }
    scenario = loaded(**TRACE | bare)
    load = scenario.workload.load
    assert (load.duration, load.max_streams, load.warmup) == (1.0, 7, 0.5)
    assert (scenario.workload.prompts, scenario.workload.made_tokens) == ((Prompt("a"),), None)


def test_a_flag_takes_its_place_and_it_that_of_a_rate(loaded: Loader) -> None:
    changed = loaded(None, ["concurrency=3", "load.duration=1s", "prompts=[a]"], **TRACE)
    assert (changed.levels, changed.workload.load.trace) == ((Level(streams=3),), None)
    traced = loaded(None, ["trace.file=t.jsonl", "trace={file: t.jsonl}"])
    assert traced.levels == (Level(rate=2.0),)


def test_no_path_of_this_machine_is_written_and_another_file_is_another_scenario(
    loaded: Loader, tmp_path: Path
) -> None:
    scenario = loaded(**TRACE)
    assert str(tmp_path) not in msgspec.json.encode(shareable(scenario)).decode()
    (tmp_path / "t.jsonl").write_text(LENGTHS.replace("700", "701"))
    assert fingerprint(loaded(**TRACE)) != fingerprint(scenario)


@pytest.mark.parametrize(
    ("changed", "key", "said"),
    [
        ({"trace": "{file: no.jsonl}"}, "trace.file", "there is no such file"),
        ({"trace": "{file: t.txt}"}, "trace.file", "ends in none of .jsonl, .csv"),
        ({"trace": "{}"}, "trace.file", "is missing"),
        ({"trace": "{file: t.jsonl, sped: 2}"}, "trace.sped", "did you mean speed?"),
        ({"trace": "{file: t.jsonl, speed: 0}"}, "trace.speed", "too small"),
        ({"trace": "{file: t.jsonl, speed: .nan}"}, "trace.speed", "not a finite number"),
        ({"trace": "{file: t.jsonl, speed: [2, 2]}"}, "trace.speed[1]", "listed twice"),
        ({"rate": "5"}, "rate", "mutually exclusive with trace"),
        ({"concurrency": "5"}, "concurrency", "mutually exclusive with trace"),
        ({"load": "{arrivals: poisson}"}, "load.arrivals", "decided by the trace"),
        ({"load": "{requests: 5}"}, "load.requests", "about slots"),
        ({"trace": "{file: bare.csv}"}, "trace.file", "has neither a prompt nor its length"),
        ({"trace": "{file: back.jsonl}", "prompts": "[a]"}, "trace.file", "goes back in time, by 1 s"),
        ({"trace": "{file: chat.jsonl}"}, "trace.file", "has messages, and the protocol takes a text"),
    ],
)
def test_what_is_wrong(failed: Fail, tmp_path: Path, changed: dict[str, str], key: str, said: str) -> None:
    (problem,) = failed(**TRACE | changed)
    assert (problem.key, said in f"{problem.wrong}; {problem.right}") == (key, True)
    if "back" in changed.get("trace", ""):
        assert problem.where == f"{tmp_path}/back.jsonl:2"

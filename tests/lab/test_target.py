"""The warm-up: what is sent before the first cell, and what a run knows of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import loadgen
from loadgen.lab import target
from loadgen.lab.calibrate import calibration
from loadgen.model import (
    Calibration,
    ClientId,
    Level,
    Outcome,
    Residency,
    Scenario,
    Simulator,
    Synthetic,
    Target,
)
from loadgen.preflight.target import TargetError
from loadgen.simulator.process import Process
from tests import synthetic
from tests.lab.cells import cell
from tests.preflight.test_target import ByPath, answers, asking

ONE_AT_A_TIME = Simulator(ttft=0.1, gap=0.02, tokens=20, parallel=1, load=0.4, models=("tiny",))


@pytest.fixture
def server() -> Iterator[Process]:
    with Process(ONE_AT_A_TIME) as process:
        yield process


def scenario(url: str, requests: int = 1, protocol: str = "ollama-generate") -> Scenario:
    workload = replace(cell().workload, protocol=protocol, model="tiny")
    return Scenario(
        name="s", target=Target(url=url), clients=(ClientId("floor"),), levels=(Level(streams=1),),
        workload=workload, warm_up=requests,
    )  # fmt: skip


def written(folder: Path, url: str, **keys: object) -> Path:
    text = {
        "name": "s", "target": {"url": url}, "prompts": ["a"], "clients": ["floor"],
        "concurrency": 1, "load": {"requests": 1}, **keys,
    }  # fmt: skip
    path = folder / "s.yaml"
    path.write_text(json.dumps(text), encoding="utf-8")
    return path


@pytest.mark.parametrize("protocol", ["ollama-generate", "ollama-chat", "openai-chat"])
def test_nothing_before_the_first_stream_keeps_it_waiting(
    server: Process, tmp_path: Path, protocol: str
) -> None:
    run = loadgen.run(written(tmp_path, server.url, protocol=protocol), out=tmp_path / "run")
    assert server.log().streams == 2
    [stream] = run.streams().itertuples()
    assert stream.ttft_ms < 300, "an answer before it would take 500 ms"
    seen = run.info.warm_up
    assert seen
    assert (seen.outcome, seen.tokens, seen.status, seen.requests) == (Outcome.OK, 20, 200, 1)
    assert seen.total_s is not None
    assert seen.ttft_s is not None
    assert seen.total_s >= seen.ttft_s + 0.2, "read to its end"
    assert seen.ttft_s > 0.5
    if protocol != "openai-chat":
        assert seen.load_s is not None
        assert 0.4 < seen.load_s < seen.ttft_s
        assert seen.resident is False
        assert run.recordings[0].residency == Residency(True, True, pytest.approx(300, abs=5))


def test_without_warm_up_no_token_is_made_before_the_first_cell(server: Process, tmp_path: Path) -> None:
    run = loadgen.run(written(tmp_path, server.url, warm_up=0), out=tmp_path / "run")
    assert server.log().streams == 1
    assert run.info.warm_up is None
    [stream] = run.streams().itertuples()
    assert stream.ttft_ms > 500, "it loads the model"
    assert run.recordings[0].residency == Residency(False, True, pytest.approx(300, abs=5))


def test_a_server_that_keeps_no_model(server: Process, tmp_path: Path) -> None:
    run = loadgen.run(written(tmp_path, server.url, body={"keep_alive": 0}), out=tmp_path / "run")
    assert run.recordings[0].residency == Residency(False, False, None)


def test_several_requests_see_the_model_in_memory(server: Process) -> None:
    wanted = scenario(server.url, 3)
    seen = target.warm_up(wanted, cell(url=server.url, model="tiny"), lambda: False)
    assert seen.requests == 3
    assert seen.load_s is not None
    assert 0.04 < seen.load_s < 0.1
    assert server.log().streams == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 501])
def test_a_refusal_that_no_load_will_change(status: int) -> None:
    with ByPath({"/v1/chat/completions": answers(status, {"error": {"message": "bad key"}})}) as fake:
        asked = asking(fake.url, protocol="openai-chat")
        with pytest.raises(TargetError, match=f"/v1/chat/completions answered {status} .*: .*bad key"):
            target.warm_up(scenario(fake.url, protocol="openai-chat"), asked, lambda: False)


@pytest.mark.parametrize("status", [307, 408, 429, 500, 503])
def test_what_may_pass_is_told_and_the_run_goes_on(status: int) -> None:
    with ByPath({"/api/generate": answers(status, "busy")}) as fake:
        seen = target.warm_up(scenario(fake.url), asking(fake.url), lambda: False)
        assert (seen.outcome, seen.status) == (Outcome.HTTP_STATUS, status)
        assert "busy" in seen.error


def test_the_model_is_found(server: Process) -> None:
    wanted = scenario(server.url)
    asked = replace(wanted, workload=replace(wanted.workload, model="auto"))
    assert target.with_model(asked).workload.model == "tiny:latest"
    assert target.with_model(wanted) is wanted


@pytest.mark.parametrize("protocol", ["ollama-generate", "openai-chat"])
def test_two_prompts_of_the_warm_up_show_how_the_server_counts(
    server: Process, tmp_path: Path, protocol: str
) -> None:
    prompts = {"synthetic": {"input_tokens": 300, "output_tokens": 2, "spread": 0.3, "count": 4}}
    path = written(
        tmp_path, server.url, protocol=protocol, prompts=prompts, load={"requests": 4}, remeasure=0
    )
    run = loadgen.run(path, out=tmp_path / "run")
    seen = run.info.warm_up
    assert seen
    assert seen.calibration
    assert (seen.calibration.source, seen.calibration.per_word) == ("server", 1.25)
    assert run.info.scenario.workload.prompts == ()
    table = run.streams()
    assert (table.server_prompt_tokens - table.input_asked).abs().max() <= 1
    assert table.server_tokens.tolist() == table.output_asked.tolist()
    assert run.summary().input_off_percent[0] == pytest.approx(0, abs=0.5)


def test_a_server_that_gives_no_counts() -> None:
    workload = replace(cell().workload, synthetic=Synthetic(input_tokens=100))
    seen = synthetic.recording(streams=2, concurrency=1).streams
    counts = np.array([13, 101])
    both = replace(seen, prompt=np.array([0, 1]), prompt_tokens=counts)
    assert calibration(workload, both) == Calibration(template=1.0, per_word=1.0, source="server")
    assert calibration(workload, replace(both, prompt_tokens=counts * 0 - 1)).reason == "no counts"
    assert calibration(workload, replace(both, prompt_tokens=np.array([20, 20]))).reason == "implausible"
    assert calibration(workload, both.rows(slice(1))).reason == "failed"

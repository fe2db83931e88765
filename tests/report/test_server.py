"""The server's own words in run.json, in the header and where two runs are compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import loadgen
from loadgen import store
from loadgen.analysis.differences import differences
from loadgen.lab.masking import without_secrets
from loadgen.model import Run, ServerInfo
from loadgen.report.document import about
from loadgen.report.sentences.server import changed
from loadgen.simulator.process import Process
from tests import synthetic
from tests.lab.test_target import ONE_AT_A_TIME, written

OLLAMA = ServerInfo(
    name="Ollama", version="0.24.0", model="gemma3:270m", family="gemma3", parameters="268.10M",
    quantization="Q4_K_M", digest=64 * "a", context=4096, size_bytes=700 << 20, vram_bytes=0,
)  # fmt: skip


def told(server: ServerInfo | None) -> Run:
    return synthetic.run("/nowhere", [synthetic.recording(streams=2, tokens=3)], server=server)


def test_a_run_writes_down_what_its_server_says(tmp_path: Path) -> None:
    with Process(ONE_AT_A_TIME) as server:
        loadgen.run(written(tmp_path, server.url, model="tiny"), out=tmp_path / "run")
    said = store.load(tmp_path / "run").info.server
    assert said
    assert (said.name, said.model) == ("Ollama", "tiny:latest")
    assert said.version


def test_the_header_describes_the_server() -> None:
    words = about(told(OLLAMA).info)
    assert {"Ollama 0.24.0", "gemma3:270m (gemma3, 268.10M, Q4_K_M)", "100% CPU", "context 4,096"} <= {*words}


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({}, []),
        ({"version": "0.25.0"}, ["version"]),
        ({"digest": 64 * "b", "quantization": "Q8_0"}, ["quantization", "digest"]),
        ({"vram_bytes": 700 << 20}, ["processor"]),
        ({"context": None}, ["context"]),
    ],
)
def test_a_changed_server_is_named_and_may_be_compared(changes: dict[str, object], keys: list[str]) -> None:
    found = differences(told(OLLAMA), told(replace(OLLAMA, **changes)))
    assert [(each.key, each.blocking) for each in found] == [(f"server.{key}", False) for key in keys]
    assert bool(changed(found)) is bool(keys)
    assert all(key in changed(found) for key in keys)


def test_a_server_that_says_nothing_differs_in_all() -> None:
    found = differences(told(None), told(OLLAMA))
    assert {each.base for each in found} == {""}
    assert "Ollama" in changed(found)


def test_what_a_server_says_holds_no_secret() -> None:
    assert without_secrets(replace(OLLAMA, model="my-secret-model"), {"secret"}).model == "my-***-model"

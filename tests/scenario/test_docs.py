"""The examples of docs/scenario.md load, and it names every key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from loadgen.model.scenario import FAULTS
from loadgen.scenario import ScenarioError, load, overrides_from_flags
from loadgen.scenario.shape import SHAPES
from tests.scenario.conftest import scenario_text

DOCS = (Path(__file__).parents[2] / "docs" / "scenario.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_examples_load(tmp_path: Path, example: str) -> None:
    (tmp_path / "prompts.jsonl").write_text('"hello"\n', encoding="utf-8")
    (tmp_path / "trace.jsonl").write_text('{"timestamp": 0}\n', encoding="utf-8")
    keys = dict.fromkeys(re.findall(r"^(\w+):", example, re.MULTILINE))
    file = tmp_path / "s.yaml"
    if "stages" in keys:
        keys |= dict.fromkeys(("concurrency", "load"))
    if "trace" in keys:
        keys["load"] = None
    if {"rate", "trace"} & {*keys}:
        keys["concurrency"] = None
    file.write_text(scenario_text(**{"concurrency": "100", **keys}) + example, encoding="utf-8")
    assert load(file, environ={})


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 8


def test_every_key_and_fault_is_named() -> None:
    keys = {key for shape in SHAPES.values() for key in shape.model_fields} | set(FAULTS)
    assert not [key for key in keys if not re.search(rf"\b{key}\b", DOCS)]


def test_the_errors_are_those_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "name: a\ntarget: {simulator: {}}\nprompts: [a]\nclients:\n  - floor\n  - aiohtp\nconcurrency: 1\n"
    Path("my.yaml").write_text(text + "load: {duration: 10}\n", encoding="utf-8")
    with pytest.raises(ScenarioError) as raised:
        load("my.yaml", overrides_from_flags(repeats=0))
    shown = re.findall(r"```text\n(.*?)```", DOCS, re.DOTALL)[0]
    assert sorted(str(raised.value).splitlines()) == sorted(shown.splitlines())

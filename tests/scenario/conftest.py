from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from loadgen.interpreters import ALLOWED, ANY
from loadgen.model import Scenario
from loadgen.scenario import Override, Problem, ScenarioError, load

LINES = {
    "name": "demo",
    "target": "{simulator: {}}",
    "prompts": "[hello]",
    "clients": "[requests, aiohttp]",
    "concurrency": "[1, 10]",
    "load": "{duration: 10s, ramp: 2s}",
}

Load = Callable[..., Scenario]
Fail = Callable[..., list[Problem]]


def scenario_text(**changed: str | None) -> str:
    """A good scenario, a key a line from line 1, with some values changed, added or (None) left out."""
    return "".join(f"{key}: {value}\n" for key, value in {**LINES, **changed}.items() if value is not None)


@pytest.fixture
def loaded(tmp_path: Path) -> Load:
    def read(
        text: str | None = None,
        overrides: Sequence[str | Override] = (),
        environ: Mapping[str, str] | None = None,
        **changed: str | None,
    ) -> Scenario:
        file = tmp_path / "s.yaml"
        file.write_text(scenario_text(**changed) if text is None else text, encoding="utf-8")
        return load(file, overrides, {ALLOWED: ANY, **(environ or {})})

    return read


@pytest.fixture
def failed(loaded: Load) -> Fail:
    """The problems of a scenario that must not load, with the line or the flag alone as ``where``."""

    def read(*args: object, **changed: object) -> list[Problem]:
        with pytest.raises(ScenarioError) as raised:
            loaded(*args, **changed)
        assert str(raised.value).splitlines() == [str(problem) for problem in raised.value.problems]
        return [p._replace(where=p.where.rpartition("s.yaml:")[2]) for p in raised.value.problems]

    return read

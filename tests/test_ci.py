"""The GitHub Action and the Dockerfile: what they name exists, and the action's steps do what its page says."""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import ruamel.yaml

from tests.cli.command import invoke, scenario, serving

ROOT = Path(__file__).resolve().parents[1]
ACTION: dict[str, Any] = ruamel.yaml.YAML(typ="safe").load((ROOT / "action.yml").read_text())
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
SCRIPTS = {step["name"]: step for step in STEPS if "run" in step}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_action_uses_what_it_declares_and_its_page_has_it() -> None:
    assert ACTION["runs"]["using"] == "composite"
    text, page = (ROOT / "action.yml").read_text(), (ROOT / "docs" / "ci.md").read_text()
    assert set(re.findall(r"inputs\.(\w+)", text)) == set(ACTION["inputs"])
    assert all(of["description"] for of in [*ACTION["inputs"].values(), *ACTION["outputs"].values()])
    assert all(f"| `{name}` |" in page for name in ACTION["inputs"])
    assert all(f"`{name}`" in page for name in ACTION["outputs"])
    named = {step.get("id") for step in STEPS}
    assert set(re.findall(r"steps\.(\w+)\.", text)) <= named
    assert ACTION["inputs"]["extras"]["default"] in PROJECT["optional-dependencies"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_bash_that_takes_its_inputs_as_variables(name: str) -> None:
    step = SCRIPTS[name]
    assert step["shell"] == "bash"
    assert "${{" not in step["run"]  # an input would be taken as code
    assert subprocess.run(["bash", "-n", "-c", step["run"]], check=False).returncode == 0
    variables = set(re.findall(r"\$\{?([A-Z_]+)", step["run"]))
    runners = {"RUNNER_TEMP", "GITHUB_ACTION_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"}
    assert variables - runners <= set(step.get("env", {}))


class Runner:
    """A folder that is a runner's, with loadgen installed, and steps run as the runner runs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.summary, self._output = folder / "summary.md", folder / "output"
        command = folder / "loadgen-venv" / "bin" / "loadgen"
        command.parent.mkdir(parents=True)
        command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m loadgen "$@"\n')
        command.chmod(0o755)

    def step(self, name: str, **variables: str | Path) -> tuple[int, str, dict[str, str]]:
        """Return the exit code, what was printed, and the step's outputs."""
        assert set(variables) == set(SCRIPTS[name]["env"])
        self._output.write_text("")
        runners = {
            "RUNNER_TEMP": self.folder, "GITHUB_OUTPUT": self._output, "GITHUB_STEP_SUMMARY": self.summary,
        }  # fmt: skip
        env = {**os.environ, "NO_PROXY": "*", "LANG": "C.UTF-8"}
        env |= {key: str(value) for key, value in (runners | variables).items()}
        ran = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", SCRIPTS[name]["run"]],
            env=env, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        lines = (line.partition("=") for line in self._output.read_text().splitlines())
        return ran.returncode, ran.stdout + ran.stderr, {key: value for key, _, value in lines}

    def measure(self, file: Path, base: Path, arguments: str = "--quiet") -> dict[str, str]:
        code, printed, outputs = self.step(
            "Measure and compare", SCENARIO=file, ARGUMENTS=arguments, TOLERANCE="25", BASE=base
        )
        assert code == 0, printed
        return outputs

    def verdict(self, outputs: dict[str, str]) -> tuple[int, str]:
        code, printed, _ = self.step("Verdict", CODE=outputs["exit"], COMPARED=outputs["compared"])
        return code, printed


def test_a_run_is_measured_kept_and_compared_with_the_next(tmp_path: Path) -> None:
    runner, base = Runner(tmp_path), tmp_path / "loadgen-base" / "hash"
    with serving() as url:
        file = scenario(tmp_path, target={"url": url}, load={"requests": 3})
        first = runner.measure(file, base)
        assert (first["exit"], first["compared"]) == ("0", "")
        assert runner.verdict(first)[0] == 0
        assert {"run.json", "report.html", "junit.xml"} <= {p.name for p in Path(first["run"]).iterdir()}
        code, printed, _ = runner.step("Take this run as the base", RUN=first["run"], BASE=base)
        assert code == 0, printed
        second = runner.measure(file, base, "--quiet --seed 7")
    assert second["run"] != first["run"]
    assert second["compared"] == "4"  # one repeat cannot tell
    code, printed = runner.verdict(second)
    assert code == 0
    assert "::warning::cannot tell" in printed
    markdown = Path(second["markdown"]).read_text()
    assert "Cannot tell" in markdown.partition("\n## ")[0]
    assert markdown in runner.summary.read_text()


def test_a_failed_threshold_fails_the_job_after_its_report(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    with serving() as url:
        file = scenario(tmp_path, target={"url": url}, load={"requests": 3}, thresholds=["ttft_p50_ms < 1"])
        outputs = runner.measure(file, tmp_path / "none")
    assert outputs["exit"] == "1"
    assert runner.verdict(outputs)[0] == 1
    assert "failed" in runner.summary.read_text()


def test_runs_that_differ_in_their_load_are_not_compared(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    with serving() as url:
        file = scenario(tmp_path, target={"url": url}, load={"requests": 2})
        base = tmp_path / "base"
        assert invoke("run", file, "--quiet", "--out", base).returncode == 0
        outputs = runner.measure(file, base, "--quiet --set load.requests=3")
    assert (outputs["exit"], outputs["compared"]) == ("0", "2")
    assert "load.requests" in runner.summary.read_text()
    assert runner.verdict(outputs)[0] == 0


def test_a_bad_scenario_fails_the_job(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    file = scenario(tmp_path, clients=["aiohtp"])
    outputs = runner.measure(file, tmp_path / "none")
    assert outputs["exit"] == "2"
    assert runner.verdict(outputs)[0] == 2


@pytest.mark.parametrize(("compared", "code"), [("1", 1), ("0", 0), ("", 0), ("4", 0)])
def test_worse_than_the_base_fails_the_job(tmp_path: Path, compared: str, code: int) -> None:
    assert Runner(tmp_path).verdict({"exit": "0", "compared": compared})[0] == code


def test_the_image_copies_what_exists_and_runs_the_command_without_root() -> None:
    stage = 0
    ignored = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] not in ("", "#")
    ]
    last: dict[str, str] = {}
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        word, _, rest = line.partition(" ")
        stage += word == "FROM"
        last[word] = rest
        if word == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), line
                rules = [rule for rule in ignored if fnmatch.fnmatch(source, rule.lstrip("!"))]
                assert rules[-1].startswith("!"), line
        if word == "RUN":
            extras = {name for found in re.findall(r"\.\[([\w,]+)\]", rest) for name in found.split(",")}
            assert extras <= set(PROJECT["optional-dependencies"])
    assert stage == 2
    assert last["USER"] not in ("", "root", "0")
    assert last["ENTRYPOINT"] == '["loadgen"]'
    assert "loadgen" in PROJECT["scripts"]
    assert not re.search(r"(?i)(token|secret|password|api_key)", (ROOT / "Dockerfile").read_text())

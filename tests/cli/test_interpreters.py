"""Clients whose engines run in another interpreter, with its own libraries."""

from __future__ import annotations

import json
import platform
import venv
from pathlib import Path

import msgspec
import pytest

import loadgen
from loadgen import clients
from tests.cli import command

HERE = ".".join(platform.python_version_tuple()[:2])
OURS = str(Path(loadgen.__file__).parents[1])
LIBRARIES = Path(msgspec.__file__).parents[1]


class Environment:
    """A virtual environment with nothing in it but what it is given."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, symlinks=True)
        self.python = str(folder / "bin" / "python")
        self.packages = folder / "lib" / f"python{HERE}" / "site-packages"

    def path(self, *lines: str) -> None:
        (self.packages / "more.pth").write_text("".join(f"{line}\n" for line in lines))

    def package(self, name: str) -> None:
        (self.packages / name).symlink_to(LIBRARIES / name)


@pytest.fixture
def other(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "other")


def refusal(folder: Path, **client: str) -> str:
    path = command.scenario(folder, clients=["floor", client])
    ran = command.invoke("run", path, "--allow-python", "--out", folder / "run")
    assert ran.returncode == 2, ran.stderr
    assert not (folder / "run").exists()
    return ran.stderr


def test_the_engine_runs_there(tmp_path: Path, other: Environment) -> None:
    log = tmp_path / "engines"
    hook = "import sys; 'loadgen.engine' in sys.orig_argv and open({!r}, 'a').write(sys.executable + chr(10))"
    other.path(OURS, str(LIBRARIES), hook.format(str(log)))
    path = command.scenario(
        tmp_path,
        clients=["aiohttp", {"client": "aiohttp", "loop": "uvloop", "python": "other/bin/python"}],
        thresholds=[f"aiohttp loop=uvloop python={HERE}.errors < 1%"],
    )
    with command.serving() as url:
        ran = command.invoke("run", path, "--url", url, "--out", tmp_path / "run", "--allow-python")
    assert ran.returncode == 0, ran.stderr
    assert f"aiohttp loop=uvloop python={HERE}" in ran.stdout
    assert set(log.read_text().splitlines()) == {other.python}
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["versions"] == {
        "python": platform.python_version(),
        "aiohttp": clients.version("aiohttp"),
        f"python={HERE}": f"{platform.python_implementation()} {platform.python_version()}, {other.python}",
        f"aiohttp python={HERE}": f"{clients.version('aiohttp')}, GIL on",
        f"uvloop python={HERE}": clients.installed("uvloop"),
    }
    assert other.python in (tmp_path / "run" / "report.html").read_text()
    assert [cell["client"]["options"].get("python") for cell in about["cells"]].count(HERE) == 1


def test_without_loadgen_it_is_refused(tmp_path: Path, other: Environment) -> None:
    said = refusal(tmp_path, client="aiohttp", python=other.python)
    assert f"aiohttp python={HERE}: {other.python} has no loadgen; " in said
    assert f'install it there: {other.python} -m pip install "loadgen[aiohttp]' in said


def test_another_loadgen_is_refused(tmp_path: Path, other: Environment) -> None:
    (other.packages / "loadgen").mkdir()
    (other.packages / "loadgen" / "__init__.py").write_text('__version__ = "0.0.1"')
    said = refusal(tmp_path, client="aiohttp", python=other.python)
    assert f"{other.python} has loadgen 0.0.1, and this is {loadgen.__version__}; install it there: " in said


def test_without_the_library_it_is_refused(tmp_path: Path, other: Environment) -> None:
    other.path(OURS)
    other.package("msgspec")
    said = refusal(tmp_path, client="requests", python=other.python)
    assert (
        f'{other.python} has no requests; install it there: {other.python} -m pip install "loadgen[req'
        in said
    )


def test_without_what_the_driver_stands_on_it_is_refused(tmp_path: Path, other: Environment) -> None:
    other.path(OURS)
    for package in ("msgspec", "httptools"):
        other.package(package)
    said = refusal(tmp_path, client="floor", python=other.python)
    assert f"{other.python} has no uvloop; install it there: {other.python} -m pip install uvloop" in said


def test_what_is_no_interpreter_is_reported_with_its_line(tmp_path: Path) -> None:
    said = refusal(tmp_path, client="floor", python="nowhere/python")
    assert "scenario.yaml:" in said
    assert "clients[1].python: 'nowhere/python' cannot be run: No such file or directory" in said


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("validate",), 0),
        (("run",), 2),
        (("limit",), 2),
        (("ui", "--web-port", "0"), 2),
        (("run", "--workers", "1"), 2),
        (("simulate", "--port", "none"), 2),
    ],
    ids=str,
)
def test_a_program_that_the_scenario_names_is_not_run(
    tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    """Neither by reading it, nor by a name that looks like one that is allowed."""
    proof = tmp_path / "ran"
    program = tmp_path / "python3.13"
    program.write_text(f"#!/bin/sh\ntouch {proof}\n")
    program.chmod(0o755)
    path = command.scenario(
        tmp_path,
        clients=["floor", {"client": "requests", "python": "./python3.13"}],
        thresholds=["requests python=3.13.errors < 1%"],
    )
    env = {"LOADGEN_ALLOW_PYTHON": f"{tmp_path}/python3:/usr/bin/python3.13:python3.13"}
    ran = command.loadgen(words[0], path, *words[1:], cwd=Path("/"), env=env)
    assert (ran.returncode, proof.exists()) == (code, False), ran.stderr
    assert "Traceback" not in ran.stderr
    if words[0] in ("run", "limit", "ui"):
        assert "clients[1].python: './python3.13' is a program" in ran.stderr
        assert f"LOADGEN_ALLOW_PYTHON={program}" in ran.stderr


def test_a_program_in_the_users_own_list_is_run(tmp_path: Path, other: Environment) -> None:
    other.path(OURS, str(LIBRARIES))
    path = command.scenario(tmp_path, clients=[{"client": "floor", "python": "other/bin/python"}])
    env = {"LOADGEN_ALLOW_PYTHON": f"/nowhere:{other.python}"}
    with command.serving() as url:
        ran = command.invoke("run", path, "--url", url, "--out", tmp_path / "run", env=env)
    assert ran.returncode == 0, ran.stderr

"""``loadgen env``, with an installer of our own in the place of pip's."""

from __future__ import annotations

import json
import os
import venv
from pathlib import Path

import msgspec
import pytest

from loadgen import clients, environments, interpreters
from loadgen.model import ClientId
from tests.cli import command

OURS = Path(clients.__file__).parents[1]
LIBRARIES = Path(msgspec.__file__).parents[1]


class Installer:
    """Make environments with a library of nothing but its name, and count them."""

    def __init__(self) -> None:
        self.installed: list[list[str]] = []
        self.fails: BaseException | None = None

    def __call__(self, base: str, folder: Path, wanted: list[str]) -> None:
        self.installed.append(wanted)
        venv.create(folder, symlinks=True)
        (packages,) = folder.glob("lib/*/site-packages")
        if self.fails:
            raise self.fails
        (packages / "loadgen").symlink_to(OURS)
        (packages / "msgspec").symlink_to(LIBRARIES / "msgspec")
        for name in ("niquests", "aiohttp"):
            (packages / f"{name}.py").touch()
            about = packages / f"{name}-9.9.dist-info"
            about.mkdir()
            (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 9.9\n")


@pytest.fixture
def installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    made = Installer()
    monkeypatch.setattr(environments, "_install", made)
    here = clients.installed
    monkeypatch.setattr(clients, "installed", lambda name: None if name == "niquests" else here(name))
    return made


def left() -> list[str]:
    return sorted(os.listdir(interpreters.environments()))


def test_a_client_that_is_not_here_runs_in_its_environment(installer: Installer) -> None:
    assert interpreters.of(ClientId("niquests")) is None
    assert "loadgen env niquests" in command.invoke("clients").stdout
    ran = command.invoke("env", "niquests")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.endswith("clients: [niquests]\n")
    python = interpreters.of(ClientId("niquests"))
    assert python is not None
    assert interpreters.inspect(ClientId("niquests")).version == "9.9"
    assert f"niquests 9.9, in {python}" in command.invoke("clients").stdout
    assert command.invoke("env", "--list").stdout == f"niquests-{interpreters.OURS}  {python}\n"
    assert [line.partition("<")[0] for line in installer.installed[0]] == ["msgspec", "niquests"]
    assert interpreters.allowed_version(python, {}) == interpreters.OURS  # the user built it


def test_one_that_is_here_runs_here(installer: Installer) -> None:
    ran = command.invoke("env", "aiohttp")
    python = interpreters.environment("aiohttp") / "bin" / "python"
    assert ran.stdout.endswith(f"clients: [{{client: aiohttp, python: {python}}}]\n")
    assert interpreters.of(ClientId("aiohttp")) is None


def test_it_is_built_once_and_again_where_it_does_not_fit(installer: Installer) -> None:
    first, second = (environments.build("niquests") for _ in range(2))
    assert (first[1], second[1], second[0]) == (True, False, first[0])
    record = first[0].folder / environments.RECORD
    record.write_text(json.dumps({"requirements": ["niquests==1"], "loadgen": str(OURS)}))
    assert environments.build("niquests")[1]
    assert environments.build("niquests", anew=True)[1]
    assert len(installer.installed) == 3
    assert left() == [f"niquests-{interpreters.OURS}"]
    assert command.invoke("env", "niquests", "--remove").returncode == 0
    assert left() == []


@pytest.mark.parametrize("error", [environments.BuildError("no network"), KeyboardInterrupt()], ids=repr)
def test_a_build_that_fails_leaves_what_was_there(installer: Installer, error: BaseException) -> None:
    installer.fails = error
    ran = command.invoke("env", "niquests")
    assert ran.returncode == (
        1 if isinstance(error, KeyboardInterrupt) else 3
    )  # 1: click's, which main() makes 130
    assert left() == []
    installer.fails = None
    environments.build("niquests")
    installer.fails = error
    assert command.invoke("env", "niquests", "--anew").returncode != 0
    assert left() == [f"niquests-{interpreters.OURS}"]
    assert interpreters.inspect(ClientId("niquests")).version == "9.9"


def test_what_a_killed_build_left_is_removed(installer: Installer) -> None:
    killed = interpreters.environments() / f"{environments.SCRATCH}{2**22 + 1}-x" / "environment" / "bin"
    killed.mkdir(parents=True)
    assert list(environments.every()) == []
    environments.build("niquests")
    assert left() == [f"niquests-{interpreters.OURS}"]


@pytest.mark.parametrize(
    ("words", "code"),
    [(("nix",), 2), ((), 2), (("requests", "--python", "/nowhere/python"), 2)],
    ids=str,
)
def test_bad_input(installer: Installer, words: tuple[str, ...], code: int) -> None:
    assert command.invoke("env", *words).returncode == code
    assert not installer.installed


def test_an_installer_that_fails_is_quoted(tmp_path: Path) -> None:
    program = tmp_path / "pip"
    program.write_text("#!/bin/sh\nseq 9 >&2\necho no network >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(environments.BuildError) as caught:
        environments._run([str(program), "install"])
    assert str(caught.value).splitlines()[1:] == [f"  {line}" for line in ("6", "7", "8", "9", "no network")]

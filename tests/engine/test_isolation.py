"""What each engine imports: its client's library and what that declares, whatever else is installed."""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

import pytest

import loadgen
from loadgen import clients, distributions
from loadgen.model import Cell, ClientId, Simulator
from loadgen.simulator.process import Process
from tests.clients import measuring
from tests.lab.cells import cell

# Written into each engine: it ends with os._exit in main(), where the cell is.
HOOK = """
import os, sys
if "loadgen.engine" in sys.orig_argv:
    end = os._exit
    def noting(code):
        client = sys._getframe(1).f_locals["cell"].client
        with open(f"{os.environ['NOTES']}/{client.name}{'-alone' * bool(client.python)}", "w") as notes:
            print(*(name for name, module in sys.modules.items() if module is not None), sep="\\n", file=notes)
        end(code)
    os._exit = noting
"""
# Of each kind of library: those that pick up what they find.
ALONE = ("aiohttp", "httpx-async", "openai-async", "requests")
# setuptools loads its hack wherever it is installed, before anything of ours runs.
OURS = {"loadgen", "sitecustomize", "_distutils_hack"}
INSTALLED = [name for name in clients.BUILTIN if clients.version(name) is not None]

pytestmark = pytest.mark.skipif(
    not distributions.hidden(ClientId("aiohttp"), ""), reason="the installed loadgen is older than its source"
)


def request(name: str, url: str, python: str | None = None) -> Cell:
    protocol = (clients.info(name).protocols or ("openai-chat",))[0]
    return cell(client=ClientId(name, python=python), url=url, protocol=protocol, concurrency=1)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, set[str]]:
    """Return the modules of every installed client's engine, and of those in an environment with nothing else."""
    folder = tmp_path_factory.mktemp("engines")
    hook = folder / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(HOOK)
    alone = {name: environment(folder / name, name) for name in ALONE if name in INSTALLED}
    notes = folder / "notes"
    notes.mkdir()
    with pytest.MonkeyPatch.context() as patch, Process(Simulator(tokens=2)) as server:
        patch.setattr(
            subprocess.Popen, "kill", subprocess.Popen.wait
        )  # an engine that is done takes its notes
        patch.setenv("NOTES", str(notes))
        patch.setenv("PYTHONPATH", str(hook))
        cells = [request(name, server.url) for name in INSTALLED]
        cells += [request(name, server.url, python) for name, python in alone.items()]
        for recording in measuring.record_each(cells):
            assert [row.outcome for row in measuring.rows(recording)] == ["ok"], recording.client
    return {path.name: set(path.read_text().split()) for path in notes.iterdir()}


def environment(folder: Path, name: str) -> str:
    """Return the Python of an environment with only the client's distributions, which are linked into it."""
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/*/site-packages")
    needed = distributions.closure(distributions.needs(ClientId(name)))
    links = {packages / "loadgen": Path(loadgen.__file__).parent}
    for distribution in metadata.distributions():
        if distributions.canonicalize_name(distribution.name) in needed:
            tops = {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}
            links |= {packages / top: Path(str(distribution.locate_file(top))) for top in tops}
    for link, target in links.items():
        link.symlink_to(target)
    return str(folder / "bin" / "python")


def foreign(modules: Iterable[str]) -> set[str]:
    tops = {name.partition(".")[0] for name in modules}
    made = {name for name in tops if name.startswith(("__", "_cython", "cython_runtime", "_sysconfigdata"))}
    return tops - set(sys.stdlib_module_names) - OURS - made


@pytest.mark.parametrize("name", INSTALLED)
def test_only_its_own_distributions(imported: Mapping[str, set[str]], name: str) -> None:
    own = distributions.closure(distributions.needs(ClientId(name)))
    owners = distributions.modules()
    strange = {module for module in foreign(imported[name]) if not own & owners.get(module, set())}
    assert not strange


@pytest.mark.parametrize("name", ALONE)
def test_the_same_as_alone(imported: Mapping[str, set[str]], name: str) -> None:
    if name not in INSTALLED:
        pytest.skip(f"{name} is not installed")
    here, alone = imported[name], imported[f"{name}-alone"]
    assert {module for module in here ^ alone if module.partition(".")[0] not in OURS} == set()

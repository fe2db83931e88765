"""Imports point one way; an engine, and a command's help, load nothing that they do not need."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import loadgen
from loadgen.cli import COMMANDS

ROOT = Path(loadgen.__file__).parent

# room -> the rooms that it may know. `model` may know none; `cli` and `api` are known by nobody inside.
ARROWS: dict[str, set[str]] = {
    "model": set(),
    "registry": set(),
    "secrets": set(),
    "files": set(),
    "exit_code": set(),
    "protocols": {"model", "registry"},
    "clients": {"model", "registry"},
    "interpreters": {"model", "clients"},
    "distributions": {"model", "clients", "protocols"},
    "environments": {"model", "clients", "interpreters", "distributions"},
    "loads": {"model", "prompts"},
    "prompts": {"model"},
    "engine": {"model", "loads", "prompts", "protocols", "clients"},
    "format1": {"model"},
    "gate": {"model"},
    "store": {"model", "files", "format1", "gate"},
    "scenario": {
        "model",
        "loads",
        "prompts",
        "protocols",
        "clients",
        "interpreters",
        "secrets",
        "analysis",
        "store",
    },
    "simulator": {"model", "protocols", "files", "registry"},
    "proc": {"model", "processes"},
    "processes": set(),
    "preflight": {"model", "protocols", "clients", "interpreters", "proc"},
    "watch": {"model", "files", "store", "secrets", "preflight"},
    "lab": {
        "model",
        "watch",
        "prompts",
        "exit_code",
        "clients",
        "interpreters",
        "distributions",
        "engine",
        "files",
        "store",
        "secrets",
        "proc",
        "processes",
        "preflight",
        "simulator",  # its process: a run starts and stops it
    },
    "analysis": {"model", "registry", "exit_code"},
    "export": {"model", "store", "analysis"},
    "argument": {"model", "analysis"},
    "capacity": {"model", "files", "exit_code", "proc", "preflight", "lab", "analysis", "report"},
    "findings": {"model", "registry"},  # a table of paths
    "report": {"model", "analysis", "files"},
    "distributed": {
        "model",
        "prompts",
        "exit_code",
        "protocols",
        "clients",
        "engine",
        "gate",
        "store",
        "scenario",
        "secrets",
        "preflight",
        "lab",
        "analysis",
    },
    "locust_ui": {
        "model",
        "prompts",
        "exit_code",
        "clients",
        "loads",
        "store",
        "scenario",
        "secrets",
        "preflight",
        "lab",
        "simulator",
        "analysis",
        "distributed",
        "report",
    },
    "api": {
        "model",
        "exit_code",
        "interpreters",
        "store",
        "scenario",
        "lab",
        "analysis",
        "findings",
        "report",
    },
    "cli": {
        "model",
        "exit_code",
        "interpreters",
        "environments",
        "store",
        "scenario",
        "preflight",
        "lab",
        "clients",
        "secrets",
        "analysis",
        "capacity",
        "export",
        "findings",
        "report",
        "simulator",
        "distributed",
        "locust_ui",
        "api",
    },
    "__main__": {"cli"},
    "": {"api"},
}

# module, the module it knows beyond its room's arrows -> why
EXCEPTIONS: dict[tuple[str, str], str] = {}

# room -> what it may import from outside; the standard library goes without saying
OUTSIDE: dict[str, set[str]] = {
    "model": {"numpy"},  # its types, for the type checker only
    "registry": set(),
    "secrets": set(),
    "files": set(),
    "exit_code": set(),
    "protocols": {"msgspec"},
    "clients": {
        "httpx_aiohttp",
        "geventhttpclient",
        "anthropic",
        "requests",
        "urllib3",
        "httpx",
        "httpx2",
        "aiohttp",
        "pycurl",
        "curl_cffi",
        "ollama",
        "openai",
        "niquests",
        "litellm",
        "langchain_ollama",
        "langchain_openai",
        "httptools",
        "pydantic",
        "yarl",
        "certifi",
    },
    "interpreters": set(),
    "distributions": {"packaging"},
    "environments": {"uv"},
    "format1": {"numpy"},
    "proc": set(),
    "processes": set(),
    "preflight": set(),
    "loads": {"msgspec"},
    "prompts": set(),
    "engine": {"gevent", "msgspec", "uvloop"},
    "gate": {"msgspec", "numpy"},
    "store": {"msgspec", "numpy"},
    "scenario": {"numpy", "pyarrow", "pydantic", "pydantic_core", "rapidfuzz", "ruamel"},
    "simulator": {"httptools", "msgspec", "numpy", "h2", "trustme"},
    "watch": {"msgspec", "numpy", "prometheus_client", "pynvml"},
    "lab": {"msgspec", "numpy"},
    "analysis": {"numpy", "scipy"},
    "export": {"numpy", "opentelemetry", "prometheus_client"},
    "argument": {"numpy", "scipy"},
    "capacity": {"numpy", "rich", "scipy"},
    "findings": set(),
    "report": {"bokeh", "babel", "jinja2", "markupsafe", "msgspec", "numpy", "pandas", "rich"},
    "distributed": {"gevent", "locust", "msgspec", "zmq"},
    "locust_ui": {"bokeh", "flask", "flask_login", "gevent", "locust", "numpy", "werkzeug"},
    "api": {"pandas"},
    "cli": {"click", "locust", "rich"},
    "__main__": set(),
    "": set(),
}

# Of the libraries under test, each client knows its own.
OWN: dict[str, set[str]] = {
    "loadgen.clients": set(),
    "loadgen.clients.sdk": set(),
    "loadgen.clients.genuine_urllib3": {"urllib3"},
    "loadgen.clients.urllib3": {"urllib3"},
    "loadgen.clients.httpx": set(),  # or httpx2, by name
    "loadgen.clients.httpx2": set(),
    "loadgen.clients.pycurl": {"pycurl"},
    "loadgen.clients.curl_cffi_async": {"curl_cffi"},
    "loadgen.clients.ollama": {"ollama", "httpx", "pydantic"},
    "loadgen.clients.niquests": {"niquests"},
    "loadgen.clients.event_sdk": {"httpx2"},
    "loadgen.clients.openai": {"openai"},
    "loadgen.clients.anthropic": {"anthropic"},
    "loadgen.clients.quiet": set(),
    "loadgen.clients.litellm": {"litellm", "httpx", "aiohttp"},
    "loadgen.clients.langchain": set(),
    "loadgen.clients.langchain_ollama": {"langchain_ollama"},
    "loadgen.clients.langchain_openai": {"langchain_openai"},
    "loadgen.clients.requests": {"requests"},
    "loadgen.clients.aiohttp": {"aiohttp", "yarl"},
    "loadgen.clients.httpx_aiohttp": {"httpx_aiohttp", "aiohttp", "yarl"},
    "loadgen.clients.urllib": set(),
    "loadgen.clients.geventhttpclient": {"geventhttpclient"},
    "loadgen.clients.trust": {"certifi"},
    "loadgen.clients.http2": set(),
    "loadgen.clients.connecting": set(),
    "loadgen.clients.floor": {"httptools"},
}


class Import(NamedTuple):
    module: str
    known: str
    lazy: bool  # inside a function, or for the type checker only

    @property
    def pair(self) -> tuple[str, str]:
        return room(self.module), room(self.known)


def room(module: str) -> str:
    return [*module.split("."), ""][1]


def modules() -> dict[str, Path]:
    return {
        ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in ROOT.rglob("*.py")
    }


MODULES = modules()


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(module: str) -> Iterator[Import]:
    """Every import of the module, those under TYPE_CHECKING too."""
    tree = parsed(MODULES[module])
    lazy = {id(node) for block in ast.walk(tree) if _is_lazy(block) for node in ast.walk(block)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(module, alias.name, id(node) in lazy) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            assert node.module is not None
            for alias in node.names:
                deeper = f"{node.module}.{alias.name}"
                yield Import(module, deeper if deeper in MODULES else node.module, id(node) in lazy)


def _is_lazy(block: ast.AST) -> bool:
    if isinstance(block, ast.If):
        return isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
    return isinstance(block, ast.FunctionDef | ast.AsyncFunctionDef)


def ours() -> list[Import]:
    return [
        found for module in MODULES for found in imports(module) if found.known.split(".")[0] == "loadgen"
    ]


def test_every_room_has_its_arrows() -> None:
    assert {room(module) for module in MODULES} == set(ARROWS) == set(OUTSIDE)


def test_imports_follow_the_arrows() -> None:
    beyond = {
        (found.module, found.known)
        for found in ours()
        if found.pair[0] != found.pair[1]
        and found.known != "loadgen"  # its version
        and found.pair[1] not in ARROWS[found.pair[0]]
    }
    assert beyond == set(EXCEPTIONS)


def test_the_arrows_go_round_in_no_circle() -> None:
    left = {name: set(known) for name, known in ARROWS.items()}
    while left:
        free = {name for name, known in left.items() if not known & set(left)}
        assert free, left
        left = {name: known for name, known in left.items() if name not in free}


def test_modules_go_round_in_no_circle() -> None:
    """Neither with what is imported for the type checker only; a package's own name stands for its version."""
    left = {
        module: {found.known for found in imports(module)} & set(MODULES) - {module, "loadgen"}
        for module in MODULES
        if module not in ("loadgen", "loadgen.__main__")
    }
    while left:
        free = {name for name, known in left.items() if not known & set(left)}
        assert free, left
        left = {name: known for name, known in left.items() if name not in free}


@pytest.mark.parametrize("leaf", ["report", "locust_ui", "cli", "api"])
def test_leaves_are_known_only_to_who_gathers_them(leaf: str) -> None:
    known_by = {found.module for found in ours() if found.pair[1] == leaf and found.pair[0] != leaf}
    gathering = {"", "__main__", "api", "cli"} | ({"capacity", "locust_ui"} if leaf == "report" else set())
    allowed = {module for module in MODULES if room(module) in gathering}
    assert known_by - allowed == {module for module, known in EXCEPTIONS if room(known) == leaf}


def test_rooms_know_the_simulator_as_a_process_only() -> None:
    for found in ours():
        if found.pair[1] == "simulator" and found.pair[0] not in ("simulator", "cli"):
            pair = found.module, found.known
            assert found.known == "loadgen.simulator.process" or pair in EXCEPTIONS, pair


def test_the_commands_import_rooms_only_inside_functions() -> None:
    for found in ours():
        if found.pair[0] == "cli" and found.pair[1] not in ("", "cli", "exit_code"):
            assert found.lazy, found


def test_rooms_import_from_outside_what_they_are_known_for() -> None:
    for module in MODULES:
        outside = {found.known.split(".")[0] for found in imports(module)} - set(sys.stdlib_module_names)
        unknown = outside - {"loadgen", "__future__"} - OUTSIDE[room(module)]
        assert not unknown, module


@pytest.mark.parametrize("module", [module for module in MODULES if room(module) == "clients"])
def test_a_client_knows_its_own_library(module: str) -> None:
    outside = {found.known.split(".")[0] for found in imports(module)} - set(sys.stdlib_module_names)
    assert outside - {"loadgen"} == OWN[module]


def test_the_simulator_needs_numpy_only_for_its_archive() -> None:
    using = [
        found
        for module in MODULES
        if room(module) == "simulator"
        for found in imports(module)
        if found.known == "numpy"
    ]
    assert all(found.lazy for found in using)


# -------------------------------------------------------------------------------------------- what is loaded

HTTP = {"requests", "urllib3", "httpx", "httpcore", "h11", "anyio", "aiohttp", "yarl", "httptools", "uvloop"}
HTTP |= {
    "httpx2",
    "httpcore2",
    "pycurl",
    "curl_cffi",
    "ollama",
    "openai",
    "niquests",
    "anthropic",
    "geventhttpclient",
}
PATCHED = {"locust", "gevent", "flask"}
HEAVY = {"numpy", "pandas", "pydantic", "bokeh", "rich", "jinja2", "ruamel", "rapidfuzz", "scipy"}

HELP = """
from loadgen.cli import main
try:
    main()
except SystemExit:
    pass
"""


def loaded(code: str, *arguments: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after ``code``."""
    tell = "\nimport json, sys\nprint(json.dumps([name.partition('.')[0] for name in sys.modules]), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code + tell, *arguments], check=True, capture_output=True, text=True
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import loadgen",
        "import loadgen, sys; loadgen.__version__; loadgen.__all__",
        "import loadgen.model",
        HELP,
    ],
    ids=["import", "names", "model", "help"],
)
def test_what_is_cheap_loads_nothing_heavy(code: str) -> None:
    found = loaded(code, "--help")
    assert "loadgen" in found
    assert not found & (HTTP | HEAVY | PATCHED | {"msgspec", "asyncio"})


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_loads_nothing_heavy(command: str) -> None:
    assert not loaded(HELP, command, "--help") & (HTTP | HEAVY | PATCHED)


def test_listing_the_clients_loads_none_of_them() -> None:
    assert not loaded(HELP, "clients") & (HTTP | HEAVY)


@pytest.mark.parametrize(
    "module",
    [
        "loadgen.protocols",
        "loadgen.clients",
        "loadgen.engine.core",
        "loadgen.engine.threads",
        "loadgen.simulator.server",
    ],
)
def test_what_runs_beside_the_streams_loads_nothing_heavy(module: str) -> None:
    own = {"httptools"} if module.startswith("loadgen.simulator") else set()
    assert not loaded(f"import {module}") & (HTTP | HEAVY | PATCHED) - own


@pytest.mark.parametrize(
    "module", ["loadgen.distributed.messages", "loadgen.distributed.addresses", "loadgen.lab.run"]
)
def test_nothing_is_patched_by_who_does_not_ask_for_it(module: str) -> None:
    assert not loaded(f"import {module}") & {"locust", "gevent"}


def test_the_nouns_need_the_standard_library_alone() -> None:
    before = loaded("import dataclasses, enum, typing, pathlib")
    assert loaded("import loadgen.model") - before <= set(sys.stdlib_module_names) | {"loadgen"}

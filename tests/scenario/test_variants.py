"""Options of clients that are no plain choice: sizes, and interpreters."""

from __future__ import annotations

import shutil
import sys
import venv
from pathlib import Path

import pytest

from loadgen.lab import plan
from loadgen.lab.masking import shareable
from loadgen.model import ClientId
from tests.scenario.conftest import Fail
from tests.scenario.conftest import Load as Loader

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


def claims(path: Path, implementation: str, version: str, free: str = "false") -> str:
    """A program that answers as such a Python would."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '[\"{implementation}\", [{version}], {free}]'\n")
    path.chmod(0o755)
    return str(path)


def test_the_common_options_of_a_client_come_before_the_scenarios(loaded: Loader) -> None:
    own = "{client: httpx-sync, http: 2, connections: new, protocol: openai-chat, stream: false}"
    scenario = loaded(clients=f"[aiohttp, {own}]", http="1.1", connections="reuse")
    one, other = (scenario.workload.of(client) for client in scenario.clients)
    assert (one.http, one.connections, one.protocol, one.stream) == ("1.1", "reuse", "ollama-generate", True)
    assert (other.http, other.connections, other.protocol, other.stream) == ("2", "new", "openai-chat", False)
    assert {cell.workload.http for cell in plan.cells(scenario, "http://h", ())} == {"1.1", "2"}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (
            {"http": "2"},
            "requests cannot be held to HTTP/2: its library speaks no other; http: 1.1, or a client that can: httpx",
        ),
        ({"http": "2", "clients": "[urllib3]"}, "HTTP/2: its HTTP/2 is experimental, and hands over"),
        ({"http": "3"}, "'3' is not a version that clients can be held to; one of 1.1, 2"),
        ({"connections": "none"}, "'none' is not a way to connect; one of reuse, new"),
        ({"clients": "[{client: aiohttp, http: 2.0}]"}, "2.0 is not allowed; one of 1.1, 2"),
        (
            {"clients": "[{client: httpx-sync, protocol: bytez}]"},
            "'bytez' is not allowed; one of ollama-generate",
        ),
        (
            {"clients": "[{client: ollama-sync, protocol: openai-chat}]"},
            "ollama-sync does not speak openai-chat",
        ),
        (
            {"clients": "[urllib]"},
            "urllib cannot keep a connection for the next request: it opens one for each; "
            "{client: urllib, connections: new}",
        ),
        (
            {"clients": "[{client: requests, limits: default}]"},
            "clients[0].limits: is not an option of requests",
        ),
    ],
)
def test_what_a_client_cannot_be_held_to(failed: Fail, changed: dict[str, str], says: str) -> None:
    assert says in str(failed(**changed)[0])


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("256KiB", "256KiB"),
        ("0.25 MiB", "256KiB"),
        ("1024KiB", "1MiB"),
        ("1536KiB", "1536KiB"),
        ("1GiB", "1GiB"),
    ],
)
def test_a_size_is_shown_in_the_largest_unit_that_makes_it_an_integer(
    loaded: Loader, written: str, shown: str
) -> None:
    client, _ = loaded(clients=f"[{{client: requests, stack: {written}}}, httpx-sync]").clients
    assert (client.options, client.label) == ({"stack": shown}, f"requests stack={shown}")


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("262144", "262144 has no known unit; KiB, MiB or GiB, such as 256KiB or 1MiB"),
        ("256KB", "'256KB' has no known unit"),
        ("big", "'big' is not a size; such as 256KiB"),
        ("-1MiB", "'-1MiB' is not a size"),
        ("true", "is not a size"),
        ("[1MiB]", "is not a size"),
        ("4KiB", "'4KiB' is too small; from 32KiB to 1GiB"),
        ("2GiB", "'2GiB' is too large; from 32KiB to 1GiB"),
        ("33KiB", "'33KiB' is not a multiple of"),
    ],
)
def test_what_is_no_size_of_a_stack(failed: Fail, written: str, says: str) -> None:
    (problem,) = failed(clients=f"[aiohttp, {{client: requests, stack: {written}}}]")
    assert problem[:2] == ("4", "clients[1].stack")
    assert says in f"{problem.wrong}; {problem.right}"


def test_a_stack_is_for_clients_on_threads(failed: Fail, loaded: Loader) -> None:
    (problem,) = failed(clients="[{client: aiohttp, stack: 1MiB}]")
    assert problem.wrong == "is not an option of aiohttp"
    assert loaded(clients="[{client: httpx-sync, stack: 1MiB}]").clients[0].options == {"stack": "1MiB"}


def test_interpreters_are_reported_by_what_they_are(
    loaded: Loader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{tmp_path}/on-path:/usr/bin:/bin")
    beside = claims(tmp_path / "free/bin/python", "CPython", "3, 14, 2", "true")
    home = claims(tmp_path / "home/pypy", "PyPy", "3, 11, 9")
    command = claims(tmp_path / "on-path/python9", "CPython", "9, 0, 0")
    scenario = loaded(
        clients="[aiohttp, {client: aiohttp, python: free/bin/python}, {client: aiohttp, python: ~/pypy},"
        " {client: requests, python: python9, stack: 1MiB}]",
        thresholds='["aiohttp python=3.14t@1.ttft_p99_ms < 500"]',
    )
    assert [(client.label, client.python) for client in scenario.clients] == [
        ("aiohttp", None),
        ("aiohttp python=3.14t", beside),
        ("aiohttp python=pypy3.11", home),
        ("requests python=9.0 stack=1MiB", command),
    ]
    assert shareable(scenario).clients[1] == ClientId("aiohttp", {"python": "3.14t"})
    assert scenario.thresholds[0].client == "aiohttp python=3.14t"


def test_environments_of_one_version_are_distinguished(loaded: Loader, tmp_path: Path) -> None:
    for name in ("one", "two"):
        venv.create(tmp_path / name, symlinks=True)
    scenario = loaded(
        clients="[{client: floor, python: one/bin/python}, {client: floor, python: two/bin/python},"
        " {client: requests, python: ./two/bin/python3}, {client: aiohttp, python: ./one/../one/bin/python}]"
    )
    assert [client.label for client in scenario.clients] == [
        f"floor python={HERE}",
        f"floor python={HERE}#2",
        f"requests python={HERE}#2",
        f"aiohttp python={HERE}",
    ]


def test_one_environment_under_two_names_is_one(failed: Fail, tmp_path: Path) -> None:
    venv.create(tmp_path / "one", symlinks=True)
    (problem,) = failed(
        clients="[{client: floor, python: one/bin/python}, {client: floor, python: one/bin/python3}]"
    )
    assert (problem.key, problem.wrong) == ("clients[1]", f"floor python={HERE} is listed twice")


def test_what_is_no_interpreter_for_us(failed: Fail, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    claims(tmp_path / "old", "CPython", "3, 8, 1")
    shutil.copy(shutil.which("false") or "", tmp_path / "fails")
    wrong = {
        "no/python": "'no/python' cannot be run: No such file or directory",
        "no-such-python": "'no-such-python' cannot be run: No such file",
        "./text": "'./text' cannot be run: Permission denied",
        ".": "'.' cannot be run",
        "./old": "'./old' is Python 3.8.1, not 3.11 or newer",
        "./fails": "'./fails' does not answer as Python does (exit code 1)",
        '"a/\\0"': "cannot be run: embedded null byte",
        '""': "is empty",
        "3.14": "is a number",
    }
    problems = failed(clients=f"[{', '.join(f'{{client: floor, python: {path}}}' for path in wrong)}]")
    assert len(problems) == len(wrong)
    for problem, (place, says) in zip(problems, enumerate(wrong.values()), strict=True):
        assert problem[:2] == ("4", f"clients[{place}].python")
        assert says in problem.wrong

"""The commands beside ``run`` and ``report``."""

from __future__ import annotations

import http.client
import importlib.metadata
import json
import platform
import re
import shlex
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import jsonschema
import pytest
import ruamel.yaml

import loadgen
from loadgen import clients, protocols
from loadgen.model import Served, Template
from loadgen.simulator.apis import APIS
from loadgen.simulator.apis.generic import DEFAULTS
from tests.cli import command
from tests.cli.command import scenario, started
from tests.lab.cells import cell

ROOT = Path(__file__).resolve().parents[2]
FLAGS = (
    *("--out", "--url", "--clients", "--concurrency", "--repeats", "--duration"),
    *("--set", "--seed", "--quiet", "--json"),
)


def test_version_and_help() -> None:
    assert command.invoke("--version").stdout == f"loadgen, version {loadgen.__version__}\n"
    result = command.invoke("--help")
    assert result.returncode == 0
    for name in ("run", "report", "validate", "schema", "clients", "simulate", "doctor"):
        assert re.search(rf"^  {name} ", result.stdout, re.MULTILINE)
    result = command.invoke("run", "-h")
    for flag in FLAGS:
        assert f"{flag} " in result.stdout
    for code in ("0 done", "1 a threshold failed", "2 bad scenario", "3 not measured", "130 interrupted"):
        assert code in result.stdout


def test_validate(tmp_path: Path) -> None:
    path = scenario(tmp_path, clients=["floor", "requests"], concurrency=[1, 10], repeats=3)
    ran = command.invoke("validate", path, "--set", "repeats=2")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{path}: valid; cells to run: 8\n", "")
    ran = command.invoke("validate", path, "--set", "repeats=many")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("--set repeats: repeats: ")
    assert list(tmp_path.iterdir()) == [path]


def test_schema_accepts_what_is_shipped() -> None:
    ran = command.invoke("schema")
    assert ran.returncode == 0
    schema = json.loads(ran.stdout)
    for path in (ROOT / "scenarios").glob("*.yaml"):
        jsonschema.validate(ruamel.yaml.YAML(typ="safe", pure=True).load(path), schema)


def test_clients_are_listed_with_mode_and_version() -> None:
    ran = command.invoke("clients")
    assert ran.returncode == 0
    listed = [line.split() for line in ran.stdout.splitlines()]
    known = {clients.info(name).distribution for name in clients.names()}
    alone = {line[0]: line[2:] for line in listed if clients.info(line[0]).alone}
    assert all(about[:2] == ["loadgen", "env"] or about[0] in known for about in alone.values())
    assert [line for line in listed if line[0] not in alone] == [
        [name, mode, library, importlib.metadata.version(library)]
        if library
        else [name, mode, "Python", platform.python_version()]
        for name, mode, library in (
            ("requests", "sync", "requests"),
            ("httpx-sync", "sync", "httpx"),
            ("httpx-async", "async", "httpx"),
            ("aiohttp", "async", "aiohttp"),
            ("httpx-aiohttp", "async", "httpx-aiohttp"),
            ("httpx2-sync", "sync", "httpx2"),
            ("httpx2-async", "async", "httpx2"),
            ("urllib3", "sync", "urllib3"),
            ("urllib", "sync", ""),
            ("pycurl", "sync", "pycurl"),
            ("curl_cffi-async", "async", "curl_cffi"),
            ("ollama-sync", "sync", "ollama"),
            ("ollama-async", "async", "ollama"),
            ("openai-sync", "sync", "openai"),
            ("openai-async", "async", "openai"),
            ("openai-aiohttp", "async", "openai"),
            ("anthropic-sync", "sync", "anthropic"),
            ("anthropic-async", "async", "anthropic"),
            ("requests-gevent", "sync", "requests"),
            ("geventhttpclient", "sync", "geventhttpclient"),
            ("floor", "async", "httptools"),
        )
    ]


def test_doctor() -> None:
    ran = command.invoke("doctor", "--streams", "1")
    assert ran.returncode == 0
    for what in (
        "open files",
        "ephemeral ports",
        "somaxconn",
        "cores:",
        "clock:",
        "wall clock:",
        "/proc:",
        "port 11434",
    ):
        assert what in ran.stdout
    *checks, empty, verdict = ran.stdout.splitlines()
    assert all(re.match(r"(ok  |LOW |note|    )  \S", line) for line in checks)
    assert max(map(len, checks)) <= 80
    assert (empty, "1 stream at once" in verdict) == ("", True)
    ran = command.invoke("doctor", "--streams", "1000000000")
    assert ran.returncode == 1
    text = " ".join(ran.stdout.split())
    assert re.search(r"LOW ephemeral ports: [\d,]+, which is [\d,]+ short of 1,000,000,000; widen it", text)
    assert text.endswith("raise what is LOW.")


# ------------------------------------------------------------------------------------------- simulate


def url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
    assert found
    return found[0]


def ask(url: str, path: str, body: dict[str, object] | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=command.SECONDS)
    try:
        connection.request("POST" if body else "GET", path, json.dumps(body) if body else None)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_simulate_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    flags = ("--port", "0", "--ttft", "0", "--gap", "1ms", "--tokens", "5", "--set", "models=[tiny]")
    with started("simulate", *flags, cwd=tmp_path) as process:
        at = url(process)
        status, body = ask(at, "/api/generate", {"model": "tiny", "prompt": "Why?"})
        lines = [json.loads(line) for line in body.splitlines()]
        assert (status, len(lines), lines[-1]["done"], lines[-1]["eval_count"]) == (200, 6, True, 5)
        assert ask(at, "/api/generate", {"model": "large", "prompt": "Why?"})[0] == 404
        assert json.loads(ask(at, "/api/tags")[1])["models"][0]["name"].startswith("tiny")
        command.interrupt(process)
        _, stderr = process.communicate(timeout=command.SECONDS)
    assert (process.returncode, stderr) == (0, "")


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_lines_that_simulate_prints_work(tmp_path: Path) -> None:
    flags = ("--port", "0", "--ttft", "0", "--gap", "1ms", "--tokens", "3", "--protocol", ",".join(APIS))
    with started("simulate", *flags, cwd=tmp_path) as process:
        url(process)
        found = {}
        for _ in APIS:
            assert process.stdout is not None
            assert process.stdout.readline() == "\n"
            name = process.stdout.readline().strip(" #\n")
            words = shlex.split(process.stdout.readline())
            found[name] = subprocess.run(words, capture_output=True, check=True, timeout=60).stdout
        assert len(found.pop("bytes")) == 1 << 20
        assert set(found) == {*APIS} - {"bytes"}
        for name, body in found.items():
            described = DEFAULTS.get(name, Served(protocol=name, request=Template()))
            workload = cell(protocol=name, request=described.request, events=described.events).workload
            decoder = protocols.of(workload).decoder(True)
            events = [*decoder.feed(body), *decoder.eof()]
            assert [type(event).__name__ for event in events] == ["Token"] * 3 + ["End"], name


def test_simulate_serves_the_protocols_that_are_named(tmp_path: Path) -> None:
    named = ("--protocol", "ollama-chat,openai-chat", "--protocol", "ollama-chat")
    with started("simulate", "--port", "0", *named, cwd=tmp_path) as process:
        at = url(process)
        assert ask(at, "/api/generate", {"model": "m", "prompt": "Why?"})[0] == 404
        assert [ask(at, path, {"no": "model"})[0] for path in ("/api/chat", "/v1/chat/completions")] == [
            400,
            400,
        ]
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        text = process.stdout.read()
    assert re.findall("# (.*)", text) == ["ollama-chat", "openai-chat"]


def test_simulate_takes_the_simulator_of_a_scenario(tmp_path: Path) -> None:
    path = scenario(tmp_path, target={"simulator": {"ttft": "1ms", "gap": "1ms", "tokens": 3}})
    with started("simulate", "--port", "0", "--scenario", path, "--tokens", "4", cwd=tmp_path) as process:
        _, body = ask(url(process), "/api/generate", {"model": "m", "prompt": "Why?"})
        assert len(body.splitlines()) == 5
        process.send_signal(signal.SIGTERM)
        assert process.wait(command.SECONDS) == 0


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--ttft", "5"], "--ttft: target.simulator.ttft: 5 has no unit"),
        (["--tokens", "0"], "--tokens: target.simulator.tokens: 0 is too small"),
        (
            ["--set", "jiter=1"],
            "--set target.simulator.jiter: target.simulator.jiter: unknown key; did you mean jitter?",
        ),
        (["--port", "99999"], "99999 is not in the range 0<=x<=65535"),
        (["--protocol", "openai-cht"], "--protocol: openai-cht is not simulated; did you mean openai-chat?"),
        (["--host", "256.1.1.1"], "256.1.1.1:11434: cannot listen there"),
        (["--scenario", str(ROOT / "scenarios" / "ollama.yaml")], "target: has no simulator"),
    ],
)
def test_simulate_refuses(flags: list[str], says: str) -> None:
    ran = command.invoke("simulate", *flags)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert says in ran.stderr


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = command.invoke("simulate", "--port", str(port))
    assert (ran.returncode, ran.stdout) == (2, "")
    result = f"loadgen: 127.0.0.1:{port}: cannot listen there: Address already in use; choose another"
    assert ran.stderr == f"{result} with --port\n"

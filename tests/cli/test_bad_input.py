"""What cannot be measured is refused before the run, with an exit code and a message; no folder is made."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import pytest

from loadgen.model import Simulator
from loadgen.simulator.process import Process
from tests.cli.command import invoke, loadgen, scenario
from tests.cli.server import Handler, ollama

NOBODY_LISTENS = "http://127.0.0.1:1"
WITHOUT_ROOT = (  # root may write anywhere, unless it gives up CAP_DAC_OVERRIDE
    sys.executable,
    "-c",
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(24, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])",
)
FEW_FILES = (
    sys.executable,
    "-c",
    "import os, resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300));"
    "os.execv(sys.argv[1], sys.argv[1:])",
)


def test_mistakes_in_the_scenario_are_reported_at_their_lines_and_nothing_is_run(tmp_path: Path) -> None:
    text = "name: a\ntarget: {simulator: {}}\nprompts: [a]\nclients: [floor, aiohtp]\nconcurency: 1\n"
    (tmp_path / "my.yaml").write_text(text + "load: {duration: -1s}\n")
    ran = invoke("run", "my.yaml", "--repeats", "0", cwd=tmp_path)
    assert ran.returncode == 2
    assert ran.stdout == ""
    printed = ran.stderr.splitlines()
    assert "my.yaml:4: clients[1]: 'aiohtp' is not a client; did you mean aiohttp?" in printed
    assert any(
        line.startswith("my.yaml:5: concurency: unknown key") and "concurrency" in line for line in printed
    )
    assert any(line.startswith("my.yaml:6: load.duration") for line in printed)
    assert any(line.startswith("--repeats: ") for line in printed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my.yaml"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "no-such.yaml"], "no-such.yaml: scenario: there is no such file"),
        (["run", "x.yaml", "--colour"], "No such option"),
        (["run"], "Missing argument 'SCENARIO'"),
        (["measure"], "No such command 'measure'"),
        (["report", "no-such-folder"], "no-such-folder: not a run folder: run.json is missing"),
    ],
)
def test_bad_arguments(tmp_path: Path, arguments: list[str], says: str) -> None:
    ran = invoke(*arguments, cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert says in ran.stderr
    assert not list(tmp_path.iterdir())


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes distributions, of one module each, look as if they were not installed."""
    known = metadata.Distribution.from_name

    def hide(*names: str) -> None:
        def from_name(name: str) -> metadata.Distribution:
            if name in names:
                raise metadata.PackageNotFoundError(name)
            return known(name)

        monkeypatch.setattr(metadata.Distribution, "from_name", staticmethod(from_name))
        for name in names:
            monkeypatch.setitem(sys.modules, name, None)

    return hide


def test_a_library_that_is_not_installed(tmp_path: Path, without: Callable[..., None]) -> None:
    without("requests", "aiohttp")
    path = scenario(
        tmp_path, clients=["floor", "requests", "aiohttp", {"client": "requests", "stream": False}]
    )
    ran = invoke("run", path, cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.count('requests is not installed; install it: pip install "loadgen[requests]"') == 1
    assert 'pip install "loadgen[aiohttp]"' in ran.stderr
    assert "floor" not in ran.stderr
    assert not (tmp_path / "reports").exists()
    listed = invoke("clients").stdout.splitlines()
    assert [line.split(maxsplit=2)[2] for line in listed if line.startswith("requests ")] == [
        'pip install "loadgen[requests]"'
    ]


def test_what_a_driver_stands_on_is_not_installed(tmp_path: Path, without: Callable[..., None]) -> None:
    without("gevent", "uvloop")
    path = scenario(tmp_path, clients=["requests-gevent", "aiohttp", {"client": "aiohttp", "loop": "uvloop"}])
    ran = invoke("run", path, cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.splitlines() == [
        'loadgen: requests-gevent is not installed; install it: pip install "loadgen[gevent]"',
        "aiohttp loop=uvloop needs uvloop; install it: pip install uvloop",
    ]


def test_more_streams_than_files_may_be_open(tmp_path: Path) -> None:
    ran = loadgen("run", scenario(tmp_path, concurrency=1000), cwd=tmp_path, before=FEW_FILES)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "1,000 simultaneous streams do not fit" in ran.stderr
    assert "open files (hard limit): 300, which is 764 short of 1,064" in ran.stderr
    assert not (tmp_path / "reports").exists()


# ------------------------------------------------------------------------------------------- the target


@contextmanager
def speaking(first: bytes | None) -> Iterator[str]:
    """A server that accepts, says ``first`` and leaves; None: it says nothing and stays."""
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                sock, _ = listener.accept()
            except TimeoutError:
                continue
            if first is None:
                kept.append(sock)
                continue
            with sock:
                sock.recv(65536)
                sock.sendall(first)

    kept: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stop.set()
            thread.join()
            for sock in kept:
                sock.close()


def refused(tmp_path: Path, url: str, *flags: str, env: dict[str, str] | None = None) -> str:
    """What ``run`` says of a target that cannot be measured; with ``env``, in a process of its own."""
    arguments = ("run", scenario(tmp_path), "--url", url, *flags)
    ran = loadgen(*arguments, cwd=tmp_path, env=env) if env else invoke(*arguments, cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (3, ""), ran.stderr
    assert not (tmp_path / "reports").exists()
    assert len(ran.stderr.splitlines()) == 1
    return ran.stderr


def test_nobody_listens(tmp_path: Path) -> None:
    printed = refused(tmp_path, NOBODY_LISTENS)
    assert printed == "loadgen: http://127.0.0.1:1/api/show: no connection: Connection refused\n"


def test_the_name_has_no_address(tmp_path: Path) -> None:
    printed = refused(tmp_path, "http://no-such-host.invalid:11434")
    assert (
        "http://no-such-host.invalid:11434/api/show: the name 'no-such-host.invalid' has no address"
        in printed
    )


def test_a_resolver_that_does_not_answer_costs_the_connect_timeout(tmp_path: Path) -> None:
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / "sitecustomize.py").write_text(
        "import socket, time\nsocket.getaddrinfo = lambda *_, **__: time.sleep(3600)\n"
    )
    begun = time.monotonic()
    printed = refused(
        tmp_path,
        "http://slow.invalid:11434",
        "--set=timeouts.connect=300ms",
        env={"PYTHONPATH": str(tmp_path / "slow")},
    )
    assert "http://slow.invalid:11434/api/show: no connection within 0.3 s" in printed
    assert time.monotonic() - begun < 60


@pytest.mark.parametrize("first", [b"SSH-2.0-OpenSSH_9.6\r\n", b"\x00\xff\x1b[31m\r\n\r\n"])
def test_what_answers_does_not_speak_http(tmp_path: Path, first: bytes) -> None:
    with speaking(first) as url:
        printed = refused(tmp_path, url)
    assert f"{url}/api/show: the answer is not HTTP: " in printed
    assert printed.rstrip("\n").isprintable()
    if first.startswith(b"SSH"):
        assert "SSH-2.0" in printed


def test_the_connection_is_closed_without_an_answer(tmp_path: Path) -> None:
    with speaking(b"") as url:
        assert f"{url}/api/show: the connection was closed without an answer" in refused(tmp_path, url)


def test_tls_is_expected_where_there_is_none(tmp_path: Path) -> None:
    with speaking(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        assert f"write {url}" in refused(tmp_path, url.replace("http:", "https:"))


def test_a_certificate_that_the_scenario_does_not_trust_is_a_mistake_in_it(tmp_path: Path) -> None:
    with Process(Simulator(tls=True)) as simulator:
        url = simulator.url
        ran = invoke("run", scenario(tmp_path), "--url", url, "--out", tmp_path / "run")
        trusts = invoke(
            "run",
            scenario(tmp_path),
            "--url",
            url,
            "--set",
            f"target.tls.ca={simulator.ca}",
            "--out",
            tmp_path / "run",
        )
    assert (ran.returncode, trusts.returncode) == (2, 0), trusts.stderr
    assert f"{url}/api/show: the server's certificate is not trusted: " in ran.stderr
    assert "target.tls: {ca: FILE} names whom to trust" in ran.stderr


def test_the_model_is_not_there(tmp_path: Path) -> None:
    with Process(Simulator(models=("llama3",))) as simulator:
        printed = refused(tmp_path, simulator.url, "--set=model=qwen9")
    assert f"{simulator.url}/api/show answered 404 for the model 'qwen9': " in printed
    assert "model 'qwen9' not found" in printed


def test_it_speaks_http_and_is_no_ollama(tmp_path: Path) -> None:
    def answer(handler: Handler) -> None:
        handler.say(404, b"<h1>nothing here</h1>")

    with ollama(answer) as server:
        printed = refused(tmp_path, server.url, "--set=warm_up=1")
        assert [request["User-Agent"] for request in server.seen if "User-Agent" in request] == []
    assert f"{server.url}/api/generate answered 404 Not Found: <h1>nothing here</h1>" in printed


# ------------------------------------------------------------------------------------------- the folder


def out_refused(tmp_path: Path, out: Path, before: tuple[str, ...] = ()) -> str:
    arguments = ("run", scenario(tmp_path), "--out", out)
    ran = loadgen(*arguments, cwd=tmp_path, before=before) if before else invoke(*arguments, cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, ""), ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    return ran.stderr


def test_the_folder_holds_something(tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "run.json").write_text("precious")
    assert f"{out}: not empty" in out_refused(tmp_path, out)
    assert {path.name: path.read_text() for path in out.iterdir()} == {"run.json": "precious"}


@pytest.mark.parametrize("below", ["", "run"])
def test_a_file_is_in_its_place(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("precious")
    out = tmp_path / "file" / below
    assert f"{out}: no run folder can be made here: " in out_refused(tmp_path, out)
    assert (tmp_path / "file").read_text() == "precious"


def test_the_folder_may_not_be_written(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    printed = out_refused(tmp_path, closed / "run", before=WITHOUT_ROOT)
    assert f"{closed / 'run'}: no run folder can be made here: Permission denied" in printed
    assert not os.listdir(closed)

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from loadgen.model import Simulator
from loadgen.simulator.process import Process
from loadgen.simulator.tls import Socket
from tests.simulator.wire import Closed, Wire, generate, get
from tests.simulator.wire2 import PROMPT, QUICK, Served


@pytest.fixture(scope="module")
def process() -> Iterator[Process]:
    with Process(Simulator(**QUICK, tls=True)) as process:
        yield process


class TlsWire(Wire):
    """``Wire`` over TLS."""

    def __init__(self, process: Process, alpn: str | None = None) -> None:
        super().__init__(process.url)
        context = ssl.create_default_context(cafile=process.ca)
        if alpn:
            context.set_alpn_protocols([alpn])
        self.sock = context.wrap_socket(
            self.sock, server_hostname=urlsplit(process.url).hostname, suppress_ragged_eofs=False
        )


def test_http_1_over_tls_is_as_over_tcp(process: Process) -> None:
    with TlsWire(process, "http/1.1") as wire:
        for _ in range(2):
            answer = wire.ask(generate())
            assert (answer.status, len(answer.chunks)) == (200, 21)
        assert wire.sock.selected_alpn_protocol() == "http/1.1"
    with TlsWire(process) as wire:
        assert wire.ask(get("/api/version")).status == 200
        assert wire.sock.selected_alpn_protocol() is None


def test_the_end_of_a_connection_is_told_by_close_notify(process: Process) -> None:
    with TlsWire(process) as wire:
        wire.ask(get("/").replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert wire.gone()  # without close_notify recv would raise


def test_log_and_reset_go_over_tls(process: Process) -> None:
    process.reset()
    with TlsWire(process) as wire:
        wire.ask(generate())
    log = process.log()
    assert (log.streams, log.sends) == (1, 21)


@pytest.mark.parametrize(("offered", "spoken"), [(True, "HTTP/2"), (False, "HTTP/1.1")])
def test_httpx_negotiates(process: Process, offered: bool, spoken: str) -> None:
    context = ssl.create_default_context(cafile=process.ca)
    for name in ("127.0.0.1", "localhost"):
        with httpx.Client(http2=offered, verify=context, trust_env=False) as client:
            url = process.url.replace("127.0.0.1", name)
            answer = client.post(url + "/api/generate", json=PROMPT)
            assert answer.http_version == spoken
            assert len(answer.text.splitlines()) == 21


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
def test_curl(process: Process) -> None:
    features = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout
    if "HTTP2" not in features.split():
        pytest.skip("this curl has no HTTP/2")
    trust = ["--cacert", process.ca]
    assert curled(process.url, *trust, "--http2") == "2"
    assert curled(process.url, *trust, "--http1.1") == "1.1"
    with Process(Simulator(**QUICK)) as plain:
        assert curled(plain.url, "--http2-prior-knowledge") == "2"
        assert curled(plain.url, "--http2") == "1.1"  # which offers to upgrade


def curled(url: str, *flags: str) -> str:
    """Read a stream; return the version that was spoken."""
    command = ["curl", "-sSN", "--noproxy", "*", *flags, "-w", "%{stderr}%{http_version}"]
    command += ["-d", json.dumps(PROMPT), url + "/api/generate"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert [json.loads(line)["done"] for line in ran.stdout.splitlines()] == [False] * 20 + [True]
    return ran.stderr


def test_a_client_that_does_not_trust_it_is_no_harm(process: Process) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(process.url, verify=ssl.create_default_context(), trust_env=False)
    with TlsWire(process) as wire:
        assert wire.ask(get("/")).status == 200


def test_plain_http_on_the_port_is_told(process: Process) -> None:
    with Wire(process.url) as wire:
        answer = wire.ask(get("/"))
        assert (answer.status, answer.body) == (400, b"Client sent an HTTP request to an HTTPS server.\n")


def test_a_line_larger_than_any_buffer_comes_whole() -> None:
    with Process(Simulator(**QUICK, tls=True, faults={"huge_line": 1})) as process, TlsWire(process) as wire:
        wire.send(generate())
        while process.log().sends < 2:  # asks on a connection of its own, while this one reads nothing
            pass
        answer = wire.answer()
        assert max(map(len, answer.body.splitlines())) > 10_000_000
        assert answer.objects[-1]["done"]


def test_truncate_ends_with_close_notify() -> None:
    spec = Simulator(**QUICK, tls=True, faults={"truncate": 1})
    with Process(spec) as process, TlsWire(process) as wire, pytest.raises(Closed):
        wire.ask(generate())


def read_all(sock: socket.socket) -> None:
    while sock.recv(1 << 16):
        pass


def test_reset_resets_tcp() -> None:
    """Of which Python's ssl makes an unexpected end."""
    with Process(Simulator(**QUICK, tls=True, faults={"reset": 1})) as process, TlsWire(process) as wire:
        wire.send(generate())
        with socket.socket(fileno=os.dup(wire.sock.fileno())) as raw:
            raw.settimeout(20)
            with pytest.raises(ConnectionResetError):
                read_all(raw)


@pytest.mark.parametrize("killed", ["run", "simulator"])
def test_the_certificate_goes_with_whoever_is_killed(killed: str) -> None:
    code = (
        "import sys; from loadgen.model import Simulator; from loadgen.simulator.process import Process\n"
        "with Process(Simulator(tls=True)) as process:\n"
        "    print(process.ca, process.pid, flush=True); sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True) as run:
        ca, pid = run.stdout.readline().split()
        assert Path(ca).read_text().startswith("-----BEGIN CERTIFICATE-----")
        if killed == "run":
            run.kill()
        else:
            os.kill(int(pid), signal.SIGKILL)
        run.communicate()
        while Path(ca).exists() and Path(f"/proc/{pid}").exists():
            pass
    assert not Path(ca).exists()


def test_a_connection_leaves_nothing_for_the_cycle_collector() -> None:
    with Served(tls=True) as served, served.connect(("http/1.1",)) as sock:
        gc.collect()
        gc.disable()
        try:
            sock.sendall(get("/"))
            served.step()
            seen = [weakref.ref(each) for each in gc.get_objects() if type(each) is Socket]
            sock.close()
            while len(served.loop._selector.get_map()) > 2:
                served.step()
            assert len(seen) == 1
            assert seen[0]() is None
        finally:
            gc.enable()

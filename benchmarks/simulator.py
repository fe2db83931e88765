"""Measure the simulator on one core, read by a C loop on another: ``python -m benchmarks.simulator``.

Prints a line per load: CPU per token, that of a bare loop over as many sockets for ``send`` alone, lateness (actual
minus scheduled send time) and errors. The reader is ``benchmarks/drain.c`` if there is a C compiler, otherwise
the same loop in Python. ``--tls`` and ``--http2`` (which is read with Python, over 50 connections) show what these
cost: the CPU per token is what stands, for the most part, between a token's stamp and its send.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import select
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadgen.model import Simulator
from loadgen.simulator.process import Process

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Load:
    """Streams kept open for some seconds, each at some tokens per second."""

    streams: int
    rate: float
    seconds: float
    ramp: float
    tokens: int


LOADS = (Load(4_000, 20, 10, 3, 100), Load(10_000, 1, 20, 8, 40))
CONNECTIONS = 50
WIRE_LOADS = (Load(500, 20, 10, 3, 100), Load(1_000, 10, 10, 3, 50))  # as much as a reader in Python takes


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--python", action="store_true", help="read with Python even where there is a C compiler"
    )
    arguments.add_argument("--quick", action="store_true", help="a hundredth of the streams for a second")
    arguments.add_argument("--tls", action="store_true", help="serve over TLS; read with Python")
    arguments.add_argument("--http2", action="store_true", help="speak HTTP/2; read with Python")
    options = arguments.parse_args()
    plain = not (options.tls or options.http2)
    print(" streams  tokens/s  sim CPU  µs/token  bare send  late p50      p99   max ms   peak errors")
    with tempfile.TemporaryDirectory() as folder:
        reader = _reader(Path(folder), python=options.python or not plain)
        for load in LOADS if plain else WIRE_LOADS:
            of = Load(load.streams // 100, load.rate, 1, 0.2, 5) if options.quick else load
            _measure(reader, of, tls=options.tls, http2=options.http2)
    return 0


def _measure(reader: list[str], load: Load, *, tls: bool, http2: bool) -> None:
    cores = sorted(os.sched_getaffinity(0))
    spec = Simulator(ttft=0.3, gap=1 / load.rate, tokens=load.tokens, jitter=0.5, tls=tls)
    with Process(spec, cores=cores[:1]) as simulator:
        host, port = simulator.url.rpartition("/")[2].split(":")
        command = [*reader, host, port, load.streams, load.seconds, load.ramp, load.tokens]
        if tls or http2:
            command += [simulator.ca, int(http2)]
        bare = _bare_send_us(reader, load, cores)
        begun, before = time.perf_counter(), _cpu_s(simulator.pid)
        with _on_core(cores[-1], command) as reading:
            report = reading.communicate()[0]
        cpu, took = _cpu_s(simulator.pid) - before, time.perf_counter() - begun
        log, drained = simulator.log(), json.loads(report)
    percentiles = (log.late_p50_ms, log.late_p99_ms, log.late_max_ms)
    late = [f"{value:.2f}" for value in percentiles if value is not None]
    columns = [
        f"{load.streams:8,} {log.sends / took:9,.0f} {cpu / took:8.0%} {cpu / log.sends * 1e6:9.2f}",
        f"{bare:10.2f} {late[0]:>9} {late[1]:>8} {late[2]:>8} {log.open_peak:6,} {drained['errors']}",
    ]
    print(*columns, flush=True)


def _on_core(core: int, command: Sequence[object]) -> subprocess.Popen[bytes]:
    """A child inherits its parent's cores."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [core])
    try:
        return subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE)
    finally:
        os.sched_setaffinity(0, cores)


def _bare_send_us(reader: list[str], load: Load, cores: list[int]) -> float:
    """CPU of one ``send`` of a token's size, round robin over the sockets; nothing else is done."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with socket.create_server(("127.0.0.1", 0), backlog=8192) as listener:
        port = listener.getsockname()[1]
        command = [*reader, "127.0.0.1", port, load.streams, 3600, 0, load.tokens]
        reading = _on_core(cores[-1], command)
        sockets = [listener.accept()[0] for _ in range(load.streams)]
    os.sched_setaffinity(0, cores[:1])
    for sock in sockets:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    token, rounds, before = b"x" * 110, max(1, 40_000 // load.streams), time.process_time()
    for _ in range(rounds):
        for sock in sockets:
            sock.send(token)
    cpu = time.process_time() - before
    os.sched_setaffinity(0, cores)
    reading.kill()
    reading.communicate()
    for sock in sockets:
        sock.close()
    return cpu / rounds / load.streams * 1e6


def _cpu_s(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _reader(folder: Path, *, python: bool) -> list[str]:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if python or compiler is None:
        return [sys.executable, "-c", "from benchmarks.simulator import drain; drain()"]
    subprocess.run([compiler, "-O2", "-o", str(folder / "drain"), str(HERE / "drain.c")], check=True)
    return [str(folder / "drain")]


def drain() -> None:
    """``drain.c`` in Python; takes its arguments from the command line: of TLS also the certificate, and whether 2."""
    host, port, streams, seconds, ramp, tokens, *wire = sys.argv[1:]
    ca, http2 = wire or ("", "0")
    context = ssl.create_default_context(cafile=ca) if ca else None
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    body = json.dumps({"model": "m", "prompt": "Why?", "options": {"num_predict": int(tokens)}}).encode()
    count, start, epoll = int(streams), time.monotonic(), select.epoll()
    opened = ended = errors = reads = size = 0
    clients: dict[int, _Client] = {}
    while (now := time.monotonic()) < start + float(seconds):
        due = count if float(ramp) <= 0 else min(count, int((now - start) / float(ramp) * count) + 1)
        for number in range(opened, due):
            if http2 == "1" and len(clients) == CONNECTIONS:
                list(clients.values())[number % CONNECTIONS].ask()
                continue
            sock = socket.create_connection((host, int(port)))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock = context.wrap_socket(sock, server_hostname=host) if context else sock
            client = _Client2(sock, body) if http2 == "1" else _Client(sock, body)
            client.ask()
            sock.setblocking(False)
            clients[sock.fileno()] = client
            epoll.register(sock, select.EPOLLIN)
        opened = due
        for fd, _ in epoll.poll(0.001 if opened < count else 0.01):
            client = clients[fd]
            try:
                data = client.sock.recv(65536)
            except (BlockingIOError, ssl.SSLWantReadError):
                continue
            except OSError:
                data = b""
            if not data:
                errors += 1
                epoll.unregister(fd)
                client.sock.close()
                continue
            reads += 1
            size += len(data)
            for _ in range(client.ended(data)):
                ended += 1
                client.ask()
    print(json.dumps({"opened": opened, "ended": ended, "errors": errors, "reads": reads, "bytes": size}))


class _Client:
    def __init__(self, sock: socket.socket, body: bytes) -> None:
        self.sock = sock
        head = f"POST /api/generate HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        self.request = head.encode() + body

    def ask(self) -> None:
        self.sock.send(self.request)

    def ended(self, data: bytes) -> int:
        """How many answers have ended."""
        return int(data.endswith(b"0\r\n\r\n"))


class _Client2(_Client):
    def __init__(self, sock: socket.socket, body: bytes) -> None:
        from h2.connection import H2Connection
        from h2.settings import SettingCodes, Settings

        super().__init__(sock, body)
        self.body, most = body, (1 << 31) - 1
        self.h2 = H2Connection()
        self.h2.local_settings = Settings(initial_values={SettingCodes.INITIAL_WINDOW_SIZE: most})
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(most - (1 << 16))

    def ask(self) -> None:
        number = self.h2.get_next_available_stream_id()
        head = [(":method", "POST"), (":path", "/api/generate"), (":scheme", "http"), (":authority", "x")]
        self.h2.send_headers(number, head)
        self.h2.send_data(number, self.body, end_stream=True)
        self.sock.send(self.h2.data_to_send())

    def ended(self, data: bytes) -> int:
        from h2.events import StreamEnded

        return sum(isinstance(event, StreamEnded) for event in self.h2.receive_data(data))


if __name__ == "__main__":
    sys.exit(main())

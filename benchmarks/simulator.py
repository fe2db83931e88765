"""Measure the simulator on one core, read by a C loop on another: ``python -m benchmarks.simulator``.

Prints a line per load: CPU per token, beside that of a C loop that sends as many bytes to as many sockets at the same
pace from the same core (``sends.c``); lateness (actual minus scheduled send time), beside that of the C loop, which
tells a slow moment of the machine from a slow simulator; and errors. The reader is ``drain.c``.

``--highest`` steps the load up as long as the p99 of lateness stays below 2 ms, which takes up to four minutes.
``--memory N`` serves N short streams on connections that are kept, and N on new ones, and prints the simulator's memory
at each tenth. Without a C compiler, or with ``--python``, the reader is the same loop in Python. ``--tls`` and
``--http2`` (which is read with Python, over 50 connections) show what these cost: the CPU per token is what stands,
for the most part, between a token's stamp and its send.
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
HIGHEST = tuple(Load(rate // 20, 20, 8, 2, 100) for rate in range(60_000, 190_000, 10_000))
MAX_LATE_MS = 2.0
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
    arguments.add_argument("--highest", action="store_true", help="find the highest rate that leaves in time")
    arguments.add_argument(
        "--memory", type=int, metavar="N", help="serve N streams and N again; print memory"
    )
    options = arguments.parse_args()
    plain = not (options.tls or options.http2)
    with tempfile.TemporaryDirectory() as folder:
        reader = _reader(Path(folder), python=options.python or not plain)
        sends = _compiled(Path(folder), "sends")
        if options.memory and reader[0] == sys.executable:
            print("--memory reads with drain.c: it needs a C compiler", file=sys.stderr)
            return 2
        if options.memory:
            return _remember(reader, options.memory)
        print("                             µs per token         ms late")
        print(" streams  tokens/s  sim CPU   sim     C ratio      p50     p99     max  C p99    peak errors")
        if options.highest:
            return _find_highest(reader, sends)
        for load in LOADS if plain else WIRE_LOADS:
            of = Load(load.streams // 100, load.rate, 1, 0.2, 5) if options.quick else load
            _measure(reader, sends, of, tls=options.tls, http2=options.http2)
    return 0


def _find_highest(reader: list[str], sends: str | None) -> int:
    """Step the load up until it leaves late twice in a row; print the highest that did not."""
    highest, failed = 0.0, 0
    for load in HIGHEST:
        for _ in range(2):  # a slow moment of the machine is not the simulator's
            late = _measure(reader, sends, load, tls=False, http2=False)
            if late < MAX_LATE_MS:
                break
        failed = failed + 1 if late >= MAX_LATE_MS else 0
        highest = max(highest, 0 if failed else load.streams * load.rate)
        if failed == 2:
            break
    print(f"highest load with a p99 of lateness below {MAX_LATE_MS:g} ms: {highest:,.0f} tokens/s")
    return 0


def _remember(reader: list[str], streams: int) -> int:
    """Print the simulator's memory at each tenth of so many streams of a token."""
    cores = sorted(os.sched_getaffinity(0))
    with Process(Simulator(ttft=0.001, gap=0.001, tokens=1), cores=cores[:1]) as simulator:
        host, port = simulator.url.rpartition("/")[2].split(":")
        for fresh, kind in enumerate(("connections kept", "a connection each")):
            before = _rss(simulator.pid)
            for tenth in range(1, 11):
                command = [*reader, host, port, 50, 3600, 0, 1, streams // 10, fresh]
                drained = json.loads(_on_core(cores[-1], command).communicate()[0])
                rss = _rss(simulator.pid)
                each = (rss - before) / (streams // 10)
                columns = f"{rss / 2**20:7.2f} MiB  {each:+8.1f} bytes per stream  {drained['errors']} errors"
                print(f"{streams * tenth // 10:12,} streams, {kind:18}{columns}", flush=True)
                before = rss
    return 0


def _measure(reader: list[str], sends: str | None, load: Load, *, tls: bool, http2: bool) -> float:
    """Print a line; return the p99 of lateness in milliseconds."""
    cores = sorted(os.sched_getaffinity(0))
    spec = Simulator(ttft=0.3, gap=1 / load.rate, tokens=load.tokens, jitter=0.5, tls=tls)
    with Process(spec, cores=cores[:1]) as simulator:
        host, port = simulator.url.rpartition("/")[2].split(":")
        command = [*reader, host, port, load.streams, load.seconds, load.ramp, load.tokens]
        if tls or http2:
            command += [simulator.ca, int(http2)]
        begun, before = time.perf_counter(), _cpu_s(simulator.pid)
        with _on_core(cores[-1], command) as reading:
            report = reading.communicate()[0]
        cpu, took = _cpu_s(simulator.pid) - before, time.perf_counter() - begun
        log, drained = simulator.log(), json.loads(report)
    late = [ms or 0.0 for ms in (log.late_p50_ms, log.late_p99_ms, log.late_max_ms)]
    us = cpu / log.sends * 1e6
    c_us = ratio = c_late = "-"
    if sends is not None:
        floor = _in_c(sends, reader, load, cores)
        c_us, ratio, c_late = (
            f"{floor['cpu_us']:.2f}",
            f"{us / floor['cpu_us']:.2f}",
            f"{floor['late_p99_ms']:.2f}",
        )
    columns = [
        f"{load.streams:8,} {log.sends / took:9,.0f} {cpu / took:8.0%} {us:5.2f} {c_us:>5} {ratio:>5}",
        f"{late[0]:8.2f} {late[1]:7.2f} {late[2]:7.2f} {c_late:>6}",
        f"{log.open_peak:7,} {drained['errors']}",
    ]
    print(*columns, flush=True)
    return late[1]


def _in_c(sends: str, reader: list[str], load: Load, cores: list[int]) -> dict[str, float]:
    """Return what ``sends.c`` reports of the load, for half of its time."""
    command = [sends, load.streams, load.rate, load.seconds / 2]
    with _on_core(cores[0], command) as sending:
        assert sending.stdout is not None
        port = sending.stdout.readline().decode().strip()
        reading = _on_core(cores[-1], [*reader, "127.0.0.1", port, load.streams, 3600, 0, load.tokens])
        found: dict[str, float] = json.loads(sending.stdout.read())
    reading.kill()
    reading.communicate()
    return found


def _on_core(core: int, command: Sequence[object]) -> subprocess.Popen[bytes]:
    """A child inherits its parent's cores."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [core])
    try:
        return subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE)
    finally:
        os.sched_setaffinity(0, cores)


def _cpu_s(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _rss(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _reader(folder: Path, *, python: bool) -> list[str]:
    if not python and (compiled := _compiled(folder, "drain")):
        return [compiled]
    return [sys.executable, "-c", "from benchmarks.simulator import drain; drain()"]


def _compiled(folder: Path, name: str) -> str | None:
    """Compile ``name.c``; return its path, ``None`` without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    subprocess.run([compiler, "-O2", "-o", str(folder / name), str(HERE / f"{name}.c")], check=True)
    return str(folder / name)


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

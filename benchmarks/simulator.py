"""Measure the simulator on one core, read by a C loop on another: ``python -m benchmarks.simulator``.

Prints a line per load: CPU per token, that of a bare loop over as many sockets for ``send`` alone, lateness (actual
minus scheduled send time) and errors. The reader is ``benchmarks/drain.c`` if there is a C compiler, otherwise
the same loop in Python.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import select
import shutil
import socket
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


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--python", action="store_true", help="read with Python even where there is a C compiler"
    )
    arguments.add_argument("--quick", action="store_true", help="a hundredth of the streams for a second")
    options = arguments.parse_args()
    print(" streams  tokens/s  sim CPU  µs/token  bare send  late p50      p99   max ms   peak errors")
    with tempfile.TemporaryDirectory() as folder:
        reader = _reader(Path(folder), python=options.python)
        for load in LOADS:
            _measure(reader, Load(load.streams // 100, load.rate, 1, 0.2, 5) if options.quick else load)
    return 0


def _measure(reader: list[str], load: Load) -> None:
    cores = sorted(os.sched_getaffinity(0))
    spec = Simulator(ttft=0.3, gap=1 / load.rate, tokens=load.tokens, jitter=0.5)
    with Process(spec, cores=cores[:1]) as simulator:
        host, port = simulator.url.removeprefix("http://").split(":")
        command = [*reader, host, port, load.streams, load.seconds, load.ramp, load.tokens]
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
    """``drain.c`` in Python; takes its arguments from the command line."""
    host, port, streams, seconds, ramp, tokens = sys.argv[1:]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    body = json.dumps({"model": "m", "prompt": "Why?", "options": {"num_predict": int(tokens)}})
    request = f"POST /api/generate HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    count, start, epoll = int(streams), time.monotonic(), select.epoll()
    opened = ended = errors = reads = size = 0
    sockets: dict[int, socket.socket] = {}
    while (now := time.monotonic()) < start + float(seconds):
        due = count if float(ramp) <= 0 else min(count, int((now - start) / float(ramp) * count) + 1)
        for _ in range(opened, due):
            sock = socket.create_connection((host, int(port)))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.sendall(request)
            sock.setblocking(False)
            sockets[sock.fileno()] = sock
            epoll.register(sock, select.EPOLLIN)
        opened = due
        for fd, _ in epoll.poll(0.001 if opened < count else 0.01):
            sock = sockets[fd]
            try:
                data = sock.recv(65536)
            except OSError:
                data = b""
            if not data:
                errors += 1
                epoll.unregister(fd)
                sock.close()
                continue
            reads += 1
            size += len(data)
            if data.endswith(b"0\r\n\r\n"):
                ended += 1
                sock.send(request)
    print(json.dumps({"opened": opened, "ended": ended, "errors": errors, "reads": reads, "bytes": size}))


if __name__ == "__main__":
    sys.exit(main())

"""Measure a download of many bytes with every client: the peak memory of the engine, and bytes per second.

    python benchmarks/big_body.py [--bytes 2GiB] [--clients requests,aiohttp,…] [--max-mib 100]

The body comes from a server of its own on this machine. ``base`` is the engine's memory with the library imported,
before the download; ``kept`` is what the recording holds of it. Exit code 1 where a peak is above ``--max-mib``, or a
body is not complete.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from loadgen import clients
from loadgen.lab.engine import record
from loadgen.model import Cell, ClientId, Level, Listener, Load, Outcome, Prompt, Template, Timeouts, Workload

BLOCK = 1 << 20


class Download(NamedTuple):
    """What one client needed; memory in MiB."""

    outcome: str
    size: int
    reads: int
    base: float
    peak: float
    kept: float
    mib_per_s: float


def download(client: str, url: str, size: int) -> Download:
    """Return what it takes the client to read a body of ``size`` bytes."""
    workload = Workload(
        prompts=(Prompt(),),
        load=Load(requests=1),
        protocol="bytes",
        request=Template(path=f"/{size}"),
        timeouts=Timeouts(total=3600.0),
    )
    level, who = Level(streams=1), ClientId(client)
    cell = Cell(
        index=1, client=who, level=level, repeat=0, url=url, headers={}, workload=workload, seed=0
    )  # fmt: skip
    recording = record(cell, Listener(), lambda: False)
    of, samples = recording.streams, recording.samples
    peaks = [*samples.peak_rss_kib.tolist(), *(edge.peak_rss_kib or 0 for edge in recording.edges)]
    tables = (recording.arrivals, recording.sizes)
    kept = sum(column.nbytes for table in tables for column in table.columns.values())
    ok = of.outcome[0] == Outcome.OK
    return Download(
        outcome="ok" if ok else f"{of.outcome[0]}: {of.error[0]}",
        size=int(of.bytes[0]),
        reads=int(of.reads[0]),
        base=(recording.base_rss_kib or 0) / 1024,
        peak=max(peaks) / 1024,
        kept=kept / BLOCK,
        mib_per_s=int(of.bytes[0]) / BLOCK / ((int(of.end[0]) - int(of.start[0])) / 1e9),
    )


@contextmanager
def server() -> Iterator[str]:
    """Serve bodies of as many bytes as their path says, in a process of its own; yield the URL."""
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def serve() -> None:
    """Serve one connection after the other, and close each after its body."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    block = memoryview(bytes(BLOCK))
    while True:
        connection, _ = listener.accept()
        with connection:
            head = connection.recv(1 << 16)
            left = int(head.split()[1][1:] or 0) if head else 0
            answer = f"HTTP/1.1 200 OK\r\nContent-Length: {left}\r\nConnection: close\r\n\r\n"
            try:
                connection.sendall(answer.encode())
                while left > 0:
                    connection.sendall(block[: min(left, BLOCK)])
                    left -= BLOCK
            except OSError:  # the client has left
                continue


def any_stream() -> list[str]:
    """Return the clients that are installed and read any body: an SDK reads only that of its own API."""
    return [name for name in clients.BUILTIN if not clients.info(name).protocols and clients.version(name)]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--bytes", default="2GiB")
    parser.add_argument("--clients", default="")
    parser.add_argument("--max-mib", type=float, default=100.0)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
    size, is_good = clients.size(options.bytes), True
    print(f"{'client':18}{'MiB/s':>8}{'reads':>10}{'base':>8}{'peak':>8}{'kept':>7}  MiB")
    with server() as url:
        for name in options.clients.split(",") if options.clients else any_stream():
            found = download(name, url, size)
            complete = found.outcome == "ok" and found.size == size
            is_good = is_good and complete and found.peak <= options.max_mib
            figures = (
                f"{found.mib_per_s:8,.0f}{found.reads:10,}{found.base:8.1f}{found.peak:8.1f}{found.kept:7.2f}"
            )
            wrong = "" if complete else f"  {found.outcome}, {found.size:,} bytes"
            print(f"{name:18}{figures}{found.kept:7.2f}{wrong}", flush=True)
    return int(not is_good)


if __name__ == "__main__":
    raise SystemExit(main())

"""A bare loop of one library, with one time stamp per token kept in a list. It reads to the end of the body, as the
engine does: leaving at ``done`` would close the connection instead of reusing it.

``python bare.py CLIENT URL STREAMS RAMP`` runs STREAMS streams, started evenly over RAMP seconds, and prints JSON:
tokens, CPU microseconds and peak resident memory above the baseline taken before the first stream. CPU is counted from
that baseline to the end of the last stream.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import threading
import time
from pathlib import Path

BODY = {"model": "m", "prompt": "p", "stream": True}


def cpu_us() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return (usage.ru_utime + usage.ru_stime) * 1e6


def switches() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw


def peak_kib() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


class Count:
    """What has been seen, and what it took."""

    def __init__(self) -> None:
        self.stamps: list[list[float]] = []
        self.cpu_us = 0.0
        self.switches = 0
        self.kib = 0

    def start(self) -> None:
        """Count from now: the library is imported and its session made; nothing has been sent."""
        Path("/proc/self/clear_refs").write_text("5")
        self._add(-1)

    def stop(self) -> None:
        """Count to now: every stream has ended, and a session for all of them is open still, as in the engine."""
        self._add(1)

    def _add(self, sign: int) -> None:
        self.kib += sign * peak_kib()
        self.cpu_us += sign * cpu_us()
        self.switches += sign * switches()


def with_requests(url: str, streams: int, ramp: float, count: Count) -> None:
    import requests

    def one() -> None:
        stamps: list[float] = []
        count.stamps.append(stamps)
        with requests.Session() as session:
            response = session.post(url, json=BODY, stream=True)
            response.raise_for_status()
            for line in response.iter_lines():
                if line:
                    chunk = json.loads(line.decode())
                    if chunk["response"]:
                        stamps.append(time.perf_counter())

    threads(one, streams, ramp, count)


def with_httpx_sync(url: str, streams: int, ramp: float, count: Count) -> None:
    import httpx

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    client = httpx.Client(timeout=60, limits=limits)

    def one() -> None:
        stamps: list[float] = []
        count.stamps.append(stamps)
        with client.stream("POST", url, json=BODY) as response:
            response.raise_for_status()
            for line in response.iter_lines():
                if line:
                    chunk = json.loads(line)
                    if chunk["response"]:
                        stamps.append(time.perf_counter())

    threads(one, streams, ramp, count)


async def with_httpx_async(url: str, streams: int, ramp: float, count: Count) -> None:
    import httpx

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(timeout=60, limits=limits) as client:

        async def one() -> None:
            stamps: list[float] = []
            count.stamps.append(stamps)
            async with client.stream("POST", url, json=BODY) as response:
                response.raise_for_status()
                async for line in response.aiter_lines():
                    if line:
                        chunk = json.loads(line)
                        if chunk["response"]:
                            stamps.append(time.perf_counter())

        await tasks(one, streams, ramp, count)


async def with_aiohttp(url: str, streams: int, ramp: float, count: Count) -> None:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one() -> None:
            stamps: list[float] = []
            count.stamps.append(stamps)
            async with session.post(url, json=BODY) as response:
                response.raise_for_status()
                async for line in response.content:
                    if line.strip():
                        chunk = json.loads(line.decode())
                        if chunk["response"]:
                            stamps.append(time.perf_counter())

        await tasks(one, streams, ramp, count)


def threads(one, streams: int, ramp: float, count: Count) -> None:  # type: ignore[no-untyped-def]
    count.start()
    started = []
    begin = time.monotonic()
    for number in range(streams):
        time.sleep(max(0.0, begin + ramp * number / streams - time.monotonic()))
        started.append(threading.Thread(target=one))
        started[-1].start()
    for thread in started:
        thread.join()
    count.stop()


async def tasks(one, streams: int, ramp: float, count: Count) -> None:  # type: ignore[no-untyped-def]
    count.start()
    started = []
    begin = time.monotonic()
    for number in range(streams):
        await asyncio.sleep(max(0.0, begin + ramp * number / streams - time.monotonic()))
        started.append(asyncio.create_task(one()))
    await asyncio.gather(*started)
    count.stop()


WAYS = {
    "requests": with_requests,
    "httpx-sync": with_httpx_sync,
    "httpx-async": with_httpx_async,
    "aiohttp": with_aiohttp,
}


def main() -> None:
    name, url, streams, ramp = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    count = Count()
    way = WAYS[name](url + "/api/generate", streams, ramp, count)
    if asyncio.iscoroutine(way):
        asyncio.run(way)
    tokens = sum(map(len, count.stamps))
    found = {
        "tokens": tokens,
        "cpu_us_per_token": count.cpu_us / tokens,
        "switches_per_token": count.switches / tokens,
        "kib_per_stream": count.kib / streams,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()

"""Limits of a machine that is not this one."""

from __future__ import annotations

import resource
from typing import Any

import pytest

from loadgen.model import ClientId
from loadgen.preflight import os_limits
from loadgen.preflight.os_limits import Limit, Needs

PORTS = "/proc/sys/net/ipv4/ip_local_port_range"
QUEUE = "/proc/sys/net/core/somaxconn"
MAPS = "/proc/sys/vm/max_map_count"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Change what it holds to change the machine."""
    values: dict[str, Any] = {
        "files": 100_000,
        "processes": resource.RLIM_INFINITY,
        PORTS: [32768, 60999],
        QUEUE: [4096],
        MAPS: [65530],
        "/group/pids.max": [20_000],
        "/group/pids.current": [100],
        "user": 1000,
        "threads": 50,
    }

    def getrlimit(kind: int) -> tuple[int, int]:
        value = values["files" if kind == resource.RLIMIT_NOFILE else "processes"]
        return min(value, 1024) if value != resource.RLIM_INFINITY else value, value

    monkeypatch.setattr(resource, "getrlimit", getrlimit)
    monkeypatch.setattr(os_limits.os, "geteuid", lambda: values["user"])
    monkeypatch.setattr(os_limits, "_read", values.get)
    monkeypatch.setattr(os_limits.proc, "groups", lambda *_: ["/group"])
    monkeypatch.setattr(os_limits, "_own_threads", lambda: values["threads"])
    return values


def short(streams: int, threads: bool = True) -> list[Limit]:
    return [limit for limit in os_limits.limits(streams, Needs(files=1, thread=threads)) if not limit.ok]


def test_a_thousand_streams_fit_a_plain_machine(machine: dict[str, Any]) -> None:
    assert short(1000) == []


@pytest.mark.parametrize(
    ("key", "value", "name", "lacking"),
    [
        ("files", 1024, "open files", 1000 + os_limits.SPARE_FILES - 1024),
        (PORTS, [40000, 40099], "ephemeral ports", 900),
        ("/group/pids.max", [500], "pids.max", 1001 - 400),
        (MAPS, [2500], "max_map_count", 500),
        ("processes", 1050, "processes and threads", 1),
    ],
)
def test_each_limit_is_reported_with_what_it_lacks(
    machine: dict[str, Any], key: str, value: Any, name: str, lacking: int
) -> None:
    machine[key] = value
    (limit,) = short(1000)
    assert limit.fatal
    assert name in limit.name
    assert limit.need - (limit.have or 0) == lacking
    assert f"{lacking:,} short of {limit.need:,}" in str(limit)
    assert limit.advice in str(limit)


def test_a_short_listen_queue_is_no_reason_to_refuse(machine: dict[str, Any]) -> None:
    machine[QUEUE] = [128]
    (limit,) = short(1000)
    assert not limit.fatal
    assert limit.have == 128


def test_tasks_need_no_threads(machine: dict[str, Any]) -> None:
    machine |= {"/group/pids.max": [10], MAPS: [10], "processes": 60}
    assert short(1000, threads=False) == []
    assert len(short(1000)) == 3


def test_a_client_that_opens_more_files_per_stream_needs_more(machine: dict[str, Any]) -> None:
    """60 streams of pycurl do not fit 124 descriptors; those of any other client do."""
    machine["files"] = 60 + os_limits.SPARE_FILES
    wanted = [ClientId("requests"), ClientId("pycurl")]
    assert os_limits.needs(wanted) == Needs(files=4, thread=True)
    assert os_limits.needs([ClientId("aiohttp")]) == Needs(files=1, thread=False)
    (files,) = [limit for limit in os_limits.limits(60, os_limits.needs(wanted)) if not limit.ok]
    assert (files.have, files.need) == (124, 4 * 60 + os_limits.SPARE_FILES)
    assert all(limit.ok for limit in os_limits.limits(60, os_limits.needs(wanted[:1])))


@pytest.mark.parametrize("path", [PORTS, QUEUE, MAPS, "/group/pids.max"])
def test_what_the_system_does_not_tell_is_no_limit(machine: dict[str, Any], path: str) -> None:
    del machine[path]
    assert short(1000) == []
    assert any("not limited" in str(limit) for limit in os_limits.limits(1000, Needs(1, thread=True)))


def test_no_limit_is_reported_as_none(machine: dict[str, Any]) -> None:
    machine["files"] = resource.RLIM_INFINITY
    files = os_limits.limits(1_000_000, Needs(1, thread=False))[0]
    assert (files.have, files.ok) == (None, True)


def test_root_may_have_as_many_processes_as_it_likes(machine: dict[str, Any]) -> None:
    machine |= {"processes": 10, "user": 0}
    assert short(1000) == []


def test_this_machine_can_be_read() -> None:
    assert all(limit.have is None or limit.have >= 0 for limit in os_limits.limits(1, Needs(1, thread=True)))

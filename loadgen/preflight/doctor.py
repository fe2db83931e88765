"""Check what this machine can run and measure, before a run finds out."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from loadgen import clients, proc
from loadgen.model import ClientId, Level, Load, Prediction, Scenario, Simulator, Target, Workload
from loadgen.preflight import machine, os_limits
from loadgen.preflight.cores import cores as cores_of
from loadgen.preflight.costs import COSTS
from loadgen.preflight.prediction import predict
from loadgen.preflight.speed import speed

OLLAMA_PORT = 11434


class Check(NamedTuple):
    """The result of one check; ``fatal``: the streams cannot run unless it is ok."""

    text: str
    ok: bool
    fatal: bool = False


def checks(streams: int) -> Iterator[Check]:
    """Yield every check of whether this machine can run, and measure, so many simultaneous streams."""
    each = os_limits.Needs(files=1, thread=True)
    for limit in os_limits.limits(streams, each):
        yield Check(str(limit), limit.ok, limit.fatal)
    yield _cores()
    yield from _machine()
    for check in (_clock, _wall_clock, _proc, _port):
        yield check()


def predictions(scenario: Scenario | None) -> tuple[Prediction, ...]:
    """Return the cores that clients will need; without a scenario, the usual ones with 1,000 streams of 20 tokens/s."""
    return predict(scenario or _usual(), speed(cores_of().engine))


def _usual() -> Scenario:
    installed = (name for name in COSTS if " " not in name and clients.version(name))
    return Scenario(
        name="usual",
        target=Target(simulator=Simulator(ttft=0.0, gap=0.05, tokens=100)),
        clients=tuple(map(ClientId, installed)),
        levels=(Level(streams=1000),),
        workload=Workload(prompts=(), load=Load()),
    )


def _cores() -> Check:
    cores = cores_of()
    if cores.engine != cores.simulator:
        return Check(f"cores: engine on {cores.engine[0]}, simulator on {cores.simulator[0]}", True)
    message = "only one, or processes cannot be pinned; delivery lag includes the simulator's share"
    return Check(f"cores: {message}", False)


def _machine() -> Iterator[Check]:
    state = machine.observe()
    if state is None:
        return
    for warning in state.warnings:
        yield Check(f"machine: {warning}", False)
    if not state.warnings:
        yield Check(f"machine: {state}", True)


def _clock() -> Check:
    steps = []
    for _ in range(1000):
        before = time.perf_counter_ns()
        while (now := time.perf_counter_ns()) == before:
            pass
        steps.append(now - before)
    step = sorted(steps)[len(steps) // 2]
    return Check(f"clock: one reading takes {step:,} ns", step < 2_000)


def _wall_clock() -> Check:
    first, wall = proc.clock_tie()
    time.sleep(0.2)
    last, later = proc.clock_tie()
    drift = abs((later - wall) - (last - first)) / 1e3
    return Check(f"wall clock: drifts {drift:,.1f} µs from the monotonic one in 0.2 s", drift < 500)


def _proc() -> Check:
    own = proc.sample(os.getpid())
    values = {"memory": own.rss_kib, "CPU": own.cpu_ns, "run-queue wait": proc.run_wait_ns(os.getpid())}
    if missing := [name for name, value in values.items() if value is None]:
        return Check(f"/proc: reports no {', '.join(missing)}; these columns stay empty", False)
    resets = Path(f"/proc/{os.getpid()}/clear_refs").exists()
    imports = "" if resets else "; peak memory includes imports"
    return Check(f"/proc: reports memory, threads, CPU, run-queue wait{imports}", True)


def _port() -> Check:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", OLLAMA_PORT))
        except OSError:
            message = "in use, perhaps by Ollama; `loadgen simulate` needs --port"
            return Check(f"port {OLLAMA_PORT}: {message}", False)
    return Check(f"port {OLLAMA_PORT}: free", True)

"""Measure what each client's engine costs, in units of this machine's speed, and print the lines of the table in
``loadgen/preflight/costs.py``; with ``--check``, hold predictions by the table against other loads than it is made of.

    python benchmarks/costs.py [--clients floor,requests,"aiohttp loop=uvloop" | all] [--rounds 1] [--check]

Each client runs five loads: few, more and many streams of 40 tokens at 20 tokens/s, then few and many streams of 5
tokens, so that requests decide. CPU time counts, so a machine that others use will do. ``--check`` runs loads with
other numbers of streams, rates, lengths and protocols. A minute per client, of the check half of one.
"""

from __future__ import annotations

import argparse
import resource
from collections.abc import Iterator, Sequence
from math import exp
from statistics import median
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from loadgen import clients
from loadgen.analysis.prediction import LITTLE
from loadgen.engine.system import raise_open_files
from loadgen.lab import plan
from loadgen.lab.engine import record
from loadgen.model import (
    ClientId,
    Level,
    Listener,
    Load,
    Prompt,
    Scenario,
    Simulator,
    Speed,
    Target,
    Workload,
)
from loadgen.preflight.cores import cores
from loadgen.preflight.costs import SECOND_LOOPS, Cost, cost, key
from loadgen.preflight.prediction import WAKES, Work, cores_of, predict
from loadgen.preflight.speed import measured
from loadgen.simulator.process import Process

CORES = cores()
WINDOW_S, WARMUP_S = 3.5, 1.5
TRIES = 3
UNEXPLAINED = (
    0.2  # relative error of the fit from which on requests are taken to cost more among many streams
)
OFF = 0.1  # share by which a window may be longer or shorter, and seconds by which it may begin late
LONG = Simulator(ttft=0.2, gap=0.05, tokens=40, jitter=0.5)
QUICK = Simulator(ttft=0.05, gap=0.05, tokens=4)
SHORT = Simulator(ttft=0.05, gap=0.05, tokens=5, jitter=0.5)
USUAL = ("floor", "requests", "httpx-sync", "httpx-async", "aiohttp")
VARIANTS = (
    "requests session=shared",
    "requests lines=native",
    "httpx-sync session=per-thread",
    "httpx-sync lines=native",
    "httpx-async lines=native",
    "httpx-async loop=uvloop",
    "aiohttp lines=native",
    "aiohttp loop=uvloop",
    "floor loop=asyncio",
)
# What the table is not made of: simulator, load, level, protocol.
CHECKS = (
    (Simulator(ttft=0.3, gap=0.1, tokens=60, jitter=0.5), Load(duration=6.0, warmup=1.0, ramp=1.0), 200, "ollama-chat"),
    (Simulator(ttft=0.2, gap=0.02, tokens=150), Load(duration=6.0, warmup=1.0, ramp=1.0), 60, "openai-chat"),
    (Simulator(ttft=0.3, gap=0.05, tokens=60, jitter=0.5), Load(requests=1, ramp=2.0), 400, "ollama-generate"),
    (Simulator(ttft=0.1, gap=0.03, tokens=20), Load(arrivals="poisson", duration=6.0, warmup=1.0), 60.0, "openai-chat"),
)  # fmt: skip


class Use(NamedTuple):
    """The share of a core that an engine used for its work, its voluntary switches per second, and the whole process's
    CPU seconds.
    """

    share: float
    work: Work
    switches: float
    user: float
    system: float


def use(
    client: ClientId, spec: Simulator, load: Load, level: Level, protocol: str = "ollama-generate"
) -> Use | None:
    """Run one cell, up to three times until it was not starved; return ``None`` where it always was."""
    for _ in range(TRIES):
        with Process(spec, cores=CORES.simulator) as server:
            [cell] = plan.cells(scenario(client, spec, load, level, protocol), server.url, CORES.engine)
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            recording = record(cell, Listener(), lambda: False)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
        first, last = recording.edges
        assert first.cpu_ns is not None
        assert last.cpu_ns is not None
        at, start = recording.arrivals.at, recording.streams.start
        planned, seconds = (recording.window[1] - recording.window[0]) / 1e9, (last.at - first.at) / 1e9
        if abs(seconds / planned - 1) < OFF and first.at - recording.window[0] < OFF * 1e9:
            return Use(
                (last.cpu_ns - first.cpu_ns) / 1e9 / seconds,
                Work(
                    int(((at > first.at) & (at <= last.at)).sum()) / seconds,
                    int(((start > first.at) & (start <= last.at)).sum()) / seconds,
                    level.value,
                ),
                ((last.voluntary or 0) - (first.voluntary or 0)) / seconds,
                after.ru_utime - before.ru_utime,
                after.ru_stime - before.ru_stime,
            )
    return None


def scenario(client: ClientId, spec: Simulator, load: Load, level: Level, protocol: str) -> Scenario:
    workload = Workload(prompts=(Prompt("Why is the sky blue?"),), load=load, model="m", protocol=protocol)
    return Scenario(
        name="costs", target=Target(simulator=spec), clients=(client,), levels=(level,), workload=workload
    )


def loads(client: ClientId, *, quick: bool) -> Iterator[Use]:
    """Run a few streams, more, and as many as use two fifths of the core, or 1,000; then the same with short ones."""
    load = Load(duration=WARMUP_S + WINDOW_S, warmup=WARMUP_S, ramp=1.0)
    long, most_of_long = (LONG, 1000) if not quick else (QUICK, 100)
    if quick:
        load = Load(duration=0.3)
    for spec, most, sizes in ((long, most_of_long, (4, 64)), (SHORT, 300, (16,))):
        for few in sizes:
            if (found := use(client, spec, load, Level(streams=few))) is None:
                raise Starved
            yield found
            share = max(found.share - 0.01, 0.01)
        streams = max(2 * few, min(round(few * 0.4 / share), most))
        while (many := use(client, spec, load, Level(streams=streams))) is None:
            streams = streams * 2 // 3
            if streams < few:
                raise Starved
        yield many


class Starved(Exception):
    """Others use so much of the core that the client cannot be measured."""


def fitted(found: Sequence[Use], now: Speed) -> Cost:
    """Return the cost by which the shares come out, each with the same relative error, if it is not small."""
    loop, switch, trip = (ns / 1e9 for ns in (now.loop_ns, now.switch_ns, now.trip_ns))
    works = [of.work for of in found]
    rows = np.array(
        [(w.tokens, WAKES * (1 - exp(-w.tokens / WAKES)), w.requests, w.requests * w.streams) for w in works]
    )
    shares = np.array([of.share for of in found])
    weights = np.maximum(shares, LITTLE)

    def solve(columns: int) -> tuple[list[float], float]:
        """Return the CPU seconds of the first columns, and the largest relative error."""
        scale = rows[:, :columns].max(axis=0)
        wanted = (shares - SECOND_LOOPS * loop) / weights
        solved, _ = nnls(rows[:, :columns] / scale / weights[:, None], wanted)
        off = np.abs(rows[:, :columns] @ (solved / scale) / weights - wanted).max()
        return [*(solved / scale).tolist(), 0.0][:4], float(off)

    # what a crowd costs grows as tokens do, so it counts only where nothing else explains the shares
    (token, wake, request, crowd), off = solve(3)
    if off > UNEXPLAINED and (others := solve(4)[0])[0] > token / 2:
        token, wake, request, crowd = others
    _, few, heavy, _, short = found[-5:]
    # threads wake one another; in the loop of a busy engine nothing waits
    switches = min(heavy.switches / max(heavy.work.tokens, 1) * switch, token)
    trips = min(token - switches, _system(heavy, few) * token)
    request_trips = request * _system(short, few)
    return Cost(
        token_loops=round((token - switches - trips) / loop),
        token_switches=round(switches / switch, 2),
        token_trips=round(trips / trip, 2),
        wake_switches=round(wake / switch, 1),
        request_loops=round((request - request_trips) / loop),
        request_trips=round(request_trips / trip, 1),
        crowd_loops=round(crowd / loop, 2),
    )


def _system(of: Use, idle: Use) -> float:
    user, system = max(of.user - idle.user, 0.0), max(of.system - idle.system, 0.0)
    return system / max(user + system, 1e-9)


def measure(client: ClientId, rounds: int, *, quick: bool) -> None:
    """Print the line of the table."""
    before = measured(CORES.engine)
    try:
        found = [each for _ in range(rounds) for each in loads(client, quick=quick)]
    except Starved:
        print(f"    # {client.label}: others use too much of the core", flush=True)
        return
    after = measured(CORES.engine)
    now = Speed(
        *(
            min(pair)
            for pair in zip(*((s.loop_ns, s.switch_ns, s.trip_ns) for s in (before, after)), strict=True)
        )
    )
    of = fitted(found, now)
    errors = [100 * (cores_of(of, each.work, now) / each.share - 1) for each in found]
    values = ", ".join(f"{value:_}" for value in of)
    print(f'    "{key(client)}": Cost({values}),', flush=True)
    print(
        "        # "
        + "  ".join(f"{each.share:.3f} {error:+.0f} %" for each, error in zip(found, errors, strict=True)),
        flush=True,
    )


def check(client: ClientId, rounds: int) -> list[float]:
    """Print what was predicted and what came, and return the errors."""
    if cost(client) is None:
        print(f"{client.label:<28} has no line")
        return []
    errors = []
    for spec, load, level, protocol in CHECKS:
        at = Level(rate=level) if load.is_open else Level(streams=int(level))
        info = clients.info(client.name)
        if info.protocols and protocol not in info.protocols:
            continue
        for _ in range(rounds):
            [of] = predict(scenario(client, spec, load, at, protocol), measured(CORES.engine))
            came = use(client, spec, load, at, protocol)
            if came is None:
                print(f"{client.label:<28} {protocol:<16} {at.label:<16} starved by others", flush=True)
                continue
            errors.append(of.mean / came.share - 1)
            print(
                f"{client.label:<28} {protocol:<16} {at.label:<16} predicted {of.mean:.3f} used {came.share:.3f} "
                f"{100 * errors[-1]:+.0f} %",
                flush=True,
            )
    return errors


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", default=",".join(USUAL))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="see that it runs; costs are wrong")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    raise_open_files()
    names = arguments.clients.split(",")
    if arguments.clients == "all":
        names = [*(name for name in clients.BUILTIN if clients.version(name)), *VARIANTS]
    errors = []
    for name in names:
        bare, *options = name.split()
        client = ClientId(bare, dict(option.split("=") for option in options))
        if arguments.check:
            errors += check(client, arguments.rounds)
        else:
            measure(client, arguments.rounds, quick=arguments.quick)
    if errors:
        within = sum(abs(error) <= 0.3 for error in errors)
        print(f"{within} of {len(errors)} within 30 %; median error {100 * median(map(abs, errors)):.0f} %")


if __name__ == "__main__":
    main()

"""Predict how many cores each client's engine needs at each level: the load, times what a token and a request cost.

    cores = tokens/s · token + requests/s · (request + streams · crowd) + wake-ups/s · wake-up + being there

An engine that sleeps has to be woken, which costs most after a long sleep. Tokens that come soon after others find it
awake, or awake again at little cost: of *t* tokens per second, as many as 300 · (1 - exp(-t / 300)) find it asleep.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import exp, inf
from statistics import fmean
from typing import Final, NamedTuple

from loadgen.model import (
    Level,
    Load,
    Outcome,
    Prediction,
    RateStage,
    Scenario,
    Simulator,
    Speed,
    Stage,
    Target,
    WarmUp,
    Workload,
)
from loadgen.preflight.costs import SECOND_LOOPS, Cost, cost

LIMITS: Final = ("num_predict", "max_tokens", "max_completion_tokens", "max_output_tokens")
STEPS: Final = 200  # of the measured window, for the mean of the load
PARTS: Final = 20  # of a stream
FAULTY: Final = 0.1  # share of the simulator's streams, from which on their pace is not known
WAKES: Final = 300.0  # per second, at most, that find the engine in a long sleep


class Pace(NamedTuple):
    """A stream: so many reads with tokens in ``seconds``, and ``idle`` seconds until the next one of its slot."""

    reads: float
    seconds: float
    idle: float = 0.0
    parallel: int | None = None  # streams that the server serves at once


class Work(NamedTuple):
    """What an engine has to do in a second, and how many streams are open."""

    tokens: float
    requests: float
    streams: float


def predict(
    scenario: Scenario, speed: Speed | None, engines: int = 1, warm_up: WarmUp | None = None
) -> tuple[Prediction, ...]:
    """Return the cores that each client needs at each level with so many engines.

    There is none for a client whose cost is not known, for a server whose pace is not, and where ``speed`` is ``None``.
    A server that was seen in the ``warm_up`` is taken to keep that pace with more streams.
    """
    if speed is None:
        return ()
    found = []
    for client in scenario.clients:
        known, workload = cost(client), scenario.workload.of(client)
        pace = pace_of(workload, scenario.target, warm_up)
        if known is None or pace is None or client.python is not None:
            continue
        for level in scenario.levels:
            most, mean = works(workload.load, pace, level)
            several = min(engines, level.streams or engines)
            found.append(
                Prediction(
                    client,
                    level,
                    cores=cores_of(known, most, speed, several),
                    mean=cores_of(known, mean, speed, several),
                    per_core=level.value * carried(known, most, speed),
                    tokens_per_s=most.tokens / most.streams if most.streams else 0.0,
                    mean_tokens_per_s=mean.tokens,
                )
            )
    return tuple(found)


def pace_of(workload: Workload, target: Target, warm_up: WarmUp | None = None) -> Pace | None:
    """Return the pace of the streams; ``None`` where it is not known, or the table does not hold for such streams."""
    plain = workload.http == "1.1" and workload.connections == "reuse"
    if not workload.has_tokens or not plain or (workload.load.trace and workload.load.trace.input_tokens):
        return None
    pace = _seen(target, warm_up) if target.simulator is None else _simulated(workload, target.simulator)
    if pace is None:
        return None
    idle = workload.conversations.think if workload.conversations else 0.0
    return pace._replace(idle=idle, reads=pace.reads if workload.stream else 1.0)


def _seen(target: Target, warm_up: WarmUp | None) -> Pace | None:
    """Return the pace of the last request of the warm-up, without the time in which the model was loaded."""
    if warm_up is None or not warm_up.tokens or warm_up.total_s is None or not target.url:
        return None
    seconds = warm_up.total_s - (warm_up.load_s or 0.0)
    known = warm_up.outcome is Outcome.OK and seconds > 0 and target.url.startswith("http://")
    return Pace(warm_up.tokens, seconds) if known else None


def _simulated(workload: Workload, simulator: Simulator) -> Pace | None:
    if simulator.tls or simulator.replay or sum(simulator.faults.values()) > FAULTY:
        return None
    options = next((of for name in LIMITS if isinstance(of := workload.options.get(name), int)), 0)
    limits = [prompt.output_tokens or options for prompt in workload.prompts] or [options]
    tokens = fmean(min(simulator.tokens, limit) if limit > 0 else simulator.tokens for limit in limits)
    inputs = 0 if simulator.cache else workload.made_tokens or 0
    seconds = simulator.ttft + simulator.prefill * inputs + simulator.gap * tokens
    reads = tokens * (1 + simulator.split - simulator.merge)
    return Pace(reads, max(seconds, 1e-3), parallel=simulator.parallel)


def works(load: Load, pace: Pace, level: Level) -> tuple[Work, Work]:
    """Return the work of a second while the load is highest, and on average in the measured window."""
    if load.is_open:
        requests = level.rate or 0.0
        fit = min(load.max_streams or inf, pace.parallel or inf) / pace.seconds
        requests = min(requests, fit)
        streams = requests * pace.seconds
    else:
        streams = level.streams or 0
        requests = min(streams / (pace.seconds + pace.idle), (pace.parallel or inf) / pace.seconds)
    most = Work(requests * pace.reads, requests, streams)
    share = _mean_share(load, pace, level)
    return most, Work(most.tokens * share, requests * share, streams * share)


def _mean_share(load: Load, pace: Pace, level: Level) -> float:
    """Return the mean of the load in the measured window, as a share of its highest."""
    course = _course(load, level)
    lasts = load.requests * (pace.seconds + pace.idle) if load.requests is not None else pace.seconds
    end = course[-1][0] + lasts if load.seconds is None else load.seconds
    if load.is_commanded or end <= load.warmup:
        return 1.0
    times = [load.warmup + (end - load.warmup) * (step + 0.5) / STEPS for step in range(STEPS)]
    if load.requests is not None:  # each slot leaves after so many
        return fmean(_at(course, time) - _at(course, time - lasts) for time in times)
    if load.is_open:  # tokens come for so long after each arrival
        delays = [lasts * (step + 0.5) / PARTS for step in range(PARTS)]
        return fmean(_at(course, time - delay) for time in times for delay in delays)
    return fmean(_at(course, time) for time in times)


def _course(load: Load, level: Level) -> list[tuple[float, float]]:
    """Return the seconds at which the load changes its direction, and its share of the highest there."""
    stages: Sequence[Stage | RateStage] = load.stages or load.rates
    if stages:
        ends = accumulate(stage.over for stage in stages)
        return [(0.0, 0.0), *((end, stage.to / level.value) for end, stage in zip(ends, stages, strict=True))]
    ramp = 0.0 if load.is_open else load.ramp_per_stream * level.value or load.ramp
    return [(0.0, 0.0), (ramp, 1.0)]


def _at(course: Sequence[tuple[float, float]], time: float) -> float:
    """Return the share at that time; nothing before the first."""
    if time < 0:
        return 0.0
    for (before, share), (end, to) in pairwise(course):
        if time < end:
            return share + (to - share) * (time - before) / (end - before)
    return course[-1][1]


def cores_of(known: Cost, work: Work, speed: Speed, engines: int = 1) -> float:
    """Return how many cores so many engines need together for the work."""
    wakes = WAKES * (1 - exp(-work.tokens / engines / WAKES))
    request = known.request_loops + known.crowd_loops * work.streams / engines
    loops = work.tokens * known.token_loops + work.requests * request + engines * SECOND_LOOPS
    switches = work.tokens * known.token_switches + engines * wakes * known.wake_switches
    trips = work.tokens * known.token_trips + work.requests * known.request_trips
    return (loops * speed.loop_ns + switches * speed.switch_ns + trips * speed.trip_ns) / 1e9


def carried(known: Cost, work: Work, speed: Speed) -> float:
    """Return how many times the work fills one core."""
    low, high = 0.0, 1.0
    while cores_of(known, _times(work, high), speed) < 1 and high < 1e9:
        high *= 2
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if cores_of(known, _times(work, middle), speed) < 1 else (low, middle)
    return low


def _times(work: Work, times: float) -> Work:
    return Work(*(each * times for each in work))

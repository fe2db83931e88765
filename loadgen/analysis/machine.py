"""How the machine and the simulator shifted the figures of a measurement.

What other programs used says nothing by itself: a client may have waited for them, or not at all. So a disturbance is
judged by its effect, as a share of the figure that it shifts:

- *Waiting.* The time that the client was runnable but did not run, divided by how often it woke up, is added to the
  latency of what it woke up for. A client on threads waits for its own threads too; of that time, others are held
  responsible for their share of the CPU that was used on its cores. What the hypervisor took while the client
  ran counts likewise. The 99th percentile of a wait is taken as that of an exponential distribution: ln 100, or 4.6
  times its mean.
- *Lateness.* The simulator's actual minus scheduled send time: its p50 shifts medians, its p99 the tail.
- *Starvation.* A client on one thread that ran or waited to run for 90 % of the time, but got less than 60 % of its
  core, is starved: streams queue up, and no share can be given.
- *Halts.* A client that was stopped, or throttled by a CPU quota, for 1 % or more of the time with streams open is
  halted: the 99th percentile lies within, and no share can be given.
- *Late starts.* A client that used less than 60 % of a core started streams late (:func:`late_start`), while others
  used 10 % or more of its core.
- *Steal.* CPU time may include what the hypervisor took, so its share of the CPU time used shifts CPU per token.

Figures below 10 ms are treated as 10 ms, so that a shift of less than 1 ms is always harmless.

A cell is *disturbed* when the machine alone shifted the median by more than 10 %, the tail by more than 30 % or CPU
time by more than 10 %, when it starved or halted the client or made it start streams late, or when the p99 of the
simulator's lateness was above 50 ms. A cell's latencies are never compared with those of other cells: what is chosen
by its result is biased.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from statistics import fmean

import numpy as np

from loadgen.analysis.in_place import IN_PLACE
from loadgen.analysis.measures import Ints, Measured, present
from loadgen.analysis.percentiles import percentiles
from loadgen.model import PAUSES, Neighbour, Recording
from loadgen.model.confidence import (
    HALTS,
    ConfidenceCause,
    Group,
    Halt,
    Halted,
    Hypervisor,
    LateSimulator,
    OtherPrograms,
)

HIGH = 0.10  # share of a figure up to which its ± is harmless
MEDIUM = 0.30  # and up to which it still tells something
FLOOR_MS = 1.0  # a smaller shift of a latency is harmless
NAMED = 3  # processes that took a client's cores
SIMULATOR_LATE_MS = 50.0  # p99 of its lateness from which on nothing was measured as intended
BUSY_PERCENT = 90.0  # of a core: all that a process can use
MOSTLY_PERCENT = 60.0  # of a core: it is mostly used
START_LATE_MS = 50.0  # of a closed loop, whose latencies count from the start; of an open load
SCHEDULE_LATE_MS = 5.0  # they count from its schedule; both this and
START_LATE_SHARE = 0.10  # this share of the TTFT
HALTED_PERCENT = 1.0  # of the time with streams open, from which on the 99th percentile is that of the halt
TAIL_FACTOR = math.log(100)  # from the mean of a wait to its 99th percentile
DISTURBED: Mapping[Group, float] = {Group.MEDIAN: HIGH, Group.TAIL: MEDIUM, Group.CPU: HIGH}
"""Shares of the figures beyond which the machine's shift makes a cell disturbed."""

LATENCIES: Mapping[Group, tuple[str, ...]] = {
    Group.MEDIAN: ("ttft_p50_ms", "total_p50_ms"),
    Group.TAIL: ("ttft_p99_ms", "itl_p99_ms"),
}
"""The columns that decide the ± of latencies."""

Values = Mapping[str, float | None]  # by column of summary.csv


def values(parts: Sequence[Measured]) -> dict[str, float]:
    """Return what the machine and the simulator did to these parts, by column; those not measured are left out."""
    found: dict[str, float] = {}
    use = _cpu_use([m.recording for m in parts])
    if capacity := use["capacity"]:
        found["cpu_share"] = use["own"] / capacity
        found |= {
            f"{name}_percent": 100 * use[name] / capacity for name in ("others", "steal") if name in use
        }
    if wanted := [of for m in parts if (of := _wanted(m.recording)) is not None]:
        found["core_wanted_percent"] = max(wanted)
    if wakeups := use["wakeups"]:
        waits = {"others": use.get("waited"), "steal": use.get("stolen")}
        found |= {f"{name}_wait_ms": ns / wakeups / 1e6 for name, ns in waits.items() if ns is not None}
    for how in HALTS:
        if halts := [of for m in parts if (of := _halted_percent(m, how)) is not None]:
            found[f"{how}_percent"] = max(halts)
    for rank in (50, 99):
        logs = [m.recording.server for m in parts if m.recording.server]
        late = [ms for log in logs if (ms := log.late_p50_ms if rank == 50 else log.late_p99_ms) is not None]
        if late:
            found[f"simulator_late_p{rank}_ms"] = fmean(late)
    return found


def neighbours(parts: Sequence[Measured]) -> tuple[Neighbour, ...]:
    """Return who took the most of the engines' cores, one of each name, with its mean share of the windows."""
    return merged([of.neighbours for m in parts if (of := m.recording.machine)])[:NAMED]


def merged(each: Sequence[Iterable[Neighbour]]) -> tuple[Neighbour, ...]:
    """Return who took the most over several equal times, one of each name, with its mean share of all of them."""
    found: dict[tuple[str, str], list[Neighbour]] = {}
    for one in chain.from_iterable(each):
        found.setdefault((one.name, one.role), []).append(one)
    named = [
        replace(max(of, key=lambda one: one.share), share=math.fsum(one.share for one in of) / len(each))
        for of in found.values()
    ]
    return tuple(sorted(named, key=lambda one: -one.share))


def _wanted(recording: Recording) -> float | None:
    """Return the percentage of the window in which an engine of one thread ran or waited to run."""
    use = None if recording.mode == "threads" else _of_part(recording)
    if use is None or recording.machine is None or "waited" not in use:
        return None
    return 100 * (use["own"] + use["waited"]) / recording.machine.window_ns


def _halted_percent(m: Measured, how: Halt) -> float | None:
    """Return the percentage of the time with streams open in which the engine was stopped or throttled."""
    if not len(m.streams) or not len(m.recording.cpu_samples):
        return None
    pauses = m.recording.pauses.rows(m.recording.pauses.kind == PAUSES.index(how))
    if not len(pauses):
        return 0.0
    begin, end = m.streams.start.min(), m.streams.end.max()
    halted = np.clip(pauses.end, begin, end) - np.clip(pauses.begin, begin, end)
    return float(100 * halted.sum() / max(end - begin, 1))


def halted(known: Values) -> Halted | None:
    """Return what halted the client; ``None`` where nothing did for long, or that is not known."""
    found = {how: known.get(f"{how}_percent") or 0.0 for how in HALTS}
    how = max(HALTS, key=found.__getitem__)
    share = found[how] / 100
    return Halted(how=how, low=share, high=share) if found[how] >= HALTED_PERCENT else None


def starved(known: Values) -> OtherPrograms | None:
    """Return who starved the client; ``None`` where nobody did, or that is not known."""
    wanted, own = known.get("core_wanted_percent"), known.get("cpu_share")
    if wanted is None or own is None or wanted < BUSY_PERCENT or 100 * own >= MOSTLY_PERCENT:
        return None
    others = (known.get("others_percent") or 0.0) / 100
    return OtherPrograms(low=others, high=others, wait_ms=known.get("others_wait_ms"))


def _cpu_use(recordings: Sequence[Recording]) -> Counter[str]:
    """Return nanoseconds of CPU on the engines' cores within the windows; a key that one part lacks is left out.

    ``waited`` is how long others kept an engine from running, ``stolen`` how long the hypervisor did while it ran,
    ``wakeups`` the number of context switches.
    """
    parts = [use for recording in recordings if (use := _of_part(recording)) is not None]
    total: Counter[str] = Counter()
    for use in parts:
        total.update({name: number for name, number in use.items() if all(name in each for each in parts)})
    return total


def _of_part(recording: Recording) -> dict[str, int] | None:
    machine, edges = recording.machine, recording.edges
    if machine is None or len(edges) < 2 or machine.window_ns <= 0:
        return None
    names = {"own": "cpu_ns", "waited": "run_wait_ns", "voluntary": "voluntary", "involuntary": "involuntary"}
    use: dict[str, int | None] = {"capacity": machine.window_ns * (machine.engine_cores or 1)}
    use |= {"others": machine.others_ns, "steal": machine.steal_ns}
    for name, field in names.items():
        before, after = getattr(edges[0], field), getattr(edges[-1], field)
        use[name] = None if before is None or after is None else after - before
    found = {name: number for name, number in use.items() if number is not None}
    if "own" not in found:
        return None
    own, others = found["own"], found.get("others")
    if "waited" in found and recording.mode == "threads":
        # its threads wait for each other too
        waited = found.pop("waited")
        if others is not None:
            found["waited"] = round(waited * others / max(others + own, 1))
    if "steal" in found:
        found["stolen"] = round(found["steal"] * own / max(own + (others or 0), 1))
    if "voluntary" in found and "involuntary" in found:
        found["wakeups"] = found["voluntary"] + found["involuntary"]
    return found


def figures(parts: Sequence[Measured]) -> dict[str, float | None]:
    """Return the latencies of these parts that are shifted, by column."""
    pools = {
        "total": [present(m.total[m.included]) for m in parts],
        "itl": [m.gaps().values for m in parts],
    }
    return _percentiles(pools) | start_figures(parts)


def start_figures(parts: Sequence[Measured]) -> dict[str, float | None]:
    """Return what tells whether the streams of these parts started late, by column."""
    pools = {
        name: [present(getattr(m, name)[m.after_warmup]) for m in parts] for name in ("start_delay", "held")
    }
    return _percentiles({"ttft": [present(m.ttft[m.included]) for m in parts], **pools})


def _percentiles(pools: Mapping[str, Sequence[Ints]]) -> dict[str, float | None]:
    found = {name: percentiles(np.concatenate(pool), (50, 99)) for name, pool in pools.items()}
    return {f"{name}_p{rank}_ms": of[rank] for name, of in found.items() for rank in (50, 99)}


def is_open(known: Values) -> bool:
    """Return whether these are figures of an open load, whose latencies count from a schedule."""
    return known.get("held_p50_ms") is not None


def late_start(known: Values) -> tuple[int, float] | None:
    """Return at which percentile, and by how many ms, streams started late; ``None`` where they did not.

    Those of a closed loop are late by more than 50 ms and 10 % of the median TTFT, at p99; those of an open load by
    more than 5 ms and 10 % of the TTFT at the same percentile, p99 or p50. Of few streams p50 takes the place of p99.
    """
    scheduled = is_open(known)
    for rank in (99, 50):
        delay = known.get(f"start_delay_p{rank}_ms")
        of_ttft = [known.get(f"ttft_p{r}_ms") for r in ((rank, 95, 90, 50) if scheduled else (50,))]
        ttft = next((ms for ms in of_ttft if ms is not None), 0.0)
        least = SCHEDULE_LATE_MS if scheduled else START_LATE_MS
        if delay is not None and delay > max(least, START_LATE_SHARE * ttft):
            return rank, delay
        if delay is not None and not scheduled:
            return None
    return None


def started_late(known: Values) -> OtherPrograms | None:
    """Return who made the client start streams late; ``None`` where nobody did, or it was its own doing."""
    if late_start(known) is None:
        return None
    others, own = (known.get("others_percent") or 0.0) / 100, known.get("cpu_share") or 0.0
    if others < HIGH or 100 * own >= MOSTLY_PERCENT:
        return None
    return OtherPrograms(low=others, high=others, wait_ms=known.get("others_wait_ms"))


def shifts(known: Values) -> dict[Group, list[ConfidenceCause]]:
    """Return how each group was shifted, by the figures of one measurement: latencies, and :func:`values`."""
    found = {group: list(_latency_shifts(group, known)) for group in LATENCIES}
    steal, own = known.get("steal_percent"), known.get("cpu_share")
    if steal and own:
        found[Group.CPU] = [_hypervisor(known, steal / (100 * own + (known.get("others_percent") or 0.0)))]
    return found


def _latency_shifts(group: Group, known: Values) -> Iterator[ConfidenceCause]:
    names = [*LATENCIES[group], *(IN_PLACE[name] for name in LATENCIES[group] if name in IN_PLACE)]
    present = [value for name in names if (value := known.get(name)) is not None]
    if not present:
        return
    figure = max(min(present), FLOOR_MS / HIGH)
    rank, factor = (50, 1.0) if group is Group.MEDIAN else (99, TAIL_FACTOR)
    if wait := known.get("others_wait_ms"):
        others = (known.get("others_percent") or 0.0) / 100
        yield OtherPrograms(low=others, high=others, wait_ms=wait, effect=factor * wait / figure)
    if wait := known.get("steal_wait_ms"):
        yield _hypervisor(known, factor * wait / figure, wait)
    if late := known.get(f"simulator_late_p{rank}_ms"):
        yield LateSimulator(percentile=rank, low_ms=late, high_ms=late, effect=late / figure)


def _hypervisor(known: Values, effect: float, wait_ms: float | None = None) -> Hypervisor:
    share = (known.get("steal_percent") or 0.0) / 100
    return Hypervisor(low=share, high=share, wait_ms=wait_ms, effect=effect)


def disturbance(
    parts: Sequence[Measured], of: Values | None = None
) -> tuple[float, tuple[ConfidenceCause, ...]]:
    """Return how much one cell was disturbed, and by what, the largest effect first.

    The first is the shift of the group with the worst, as a multiple of its bound: above 1, the cell is disturbed.
    Shifts are shares of the latencies ``of``, by default the cell's own.
    """
    known = {**(of or figures(parts)), **values(parts)}
    found = shifts(known)
    totals = {
        group: math.fsum(cause.effect or 0.0 for cause in causes) / DISTURBED[group]
        for group, causes in found.items()
    }
    late = known.get("simulator_late_p99_ms") or 0.0
    totals[Group.TAIL] = max(totals[Group.TAIL], late / SIMULATOR_LATE_MS)
    worst = max(totals, key=lambda group: totals[group])
    parties = neighbours(parts)

    def named(causes: Iterable[ConfidenceCause]) -> tuple[ConfidenceCause, ...]:
        return tuple(
            replace(each, neighbours=parties) if isinstance(each, OtherPrograms) else each for each in causes
        )

    if halt := halted(known):
        return max(totals[worst], 100 * halt.high / HALTED_PERCENT), (halt,)
    if totals[worst] <= 1 and (others := starved(known)):
        return (known["core_wanted_percent"] or 0.0) / BUSY_PERCENT, named([others])
    if totals[worst] <= 1 and (others := started_late(known)):
        return max(1.0, (known["start_delay_p99_ms"] or 0.0) / START_LATE_MS), named([others])
    return totals[worst], named(by_effect(found[worst]))


def by_effect(causes: Iterable[ConfidenceCause]) -> tuple[ConfidenceCause, ...]:
    """Return the causes, the largest effect first; those without one before the others."""
    return tuple(sorted(causes, key=lambda cause: -(math.inf if cause.effect is None else cause.effect)))

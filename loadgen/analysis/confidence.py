"""How far each group of figures can be believed: its ±, as a share of the figures.

This is the rule; it was stated before anything was measured with it, and is not tuned on runs.

- The *deciding* figures of a group are: median latency: TTFT p50 and total p50; tail latency: TTFT p99 and ITL p99
  (of an open load TTFT and total from the schedule, which vary as its queue does); CPU: CPU per token; memory: memory
  per stream and the most threads.
- The ± of a figure is half of its 95 % interval over the rounds (Student's t, three rounds or more), divided by its
  mean; or the noise threshold of the A/A control at that level, where that is wider. The ± of a group is that
  of its widest deciding figure, plus the shifts by machine and simulator, which rounds cannot show
  (:mod:`loadgen.analysis.machine`).
- Figures below ten times a floor (1 ms, 1 MiB, 1 µs per token, one thread; of memory per stream 64 KiB, the resolution
  of a process's memory, divided by the number of streams, or 1 KiB if that is more) are treated as ten times the
  floor, so that a ± up to the floor is always harmless.
- Up to 10 % the confidence is high, up to 30 % medium, above low. Without an interval it is low for the tail, and
  medium or low for the others, by the shifts alone. A tail whose percentiles are missing or have a low sample size
  is low, and so are the latencies of a client that was starved or halted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from loadgen.analysis import effects, machine, rounds
from loadgen.analysis.changes import MIN_CHANGE_KIB
from loadgen.analysis.in_place import IN_PLACE
from loadgen.analysis.machine import HIGH, MEDIUM
from loadgen.analysis.metrics import column
from loadgen.analysis.noise import NoiseThresholds
from loadgen.analysis.percentiles import LOW_SAMPLE_FACTOR, NEEDED
from loadgen.model import Confidence, ConfidenceCause, Grade, Group, Summary
from loadgen.model.confidence import (
    ControlDiffers,
    FewRounds,
    FewValues,
    Halted,
    Hypervisor,
    LateSimulator,
    OtherPrograms,
    RoundsDiffer,
)

MIN_ROUNDS = 3
NEGLIGIBLE = 0.01  # share of the figure; a smaller effect is no cause
TAKEN = 0.10  # share of the client's cores from which on others are named as why rounds differ
FLOORS: Mapping[str, float] = {"ms": machine.FLOOR_MS, "KiB": 1.0, "MiB": 1.0, "µs": 1.0, "threads": 1.0}
"""Unit -> a difference that is always harmless."""

DECIDING: Mapping[Group, tuple[str, ...]] = {
    **machine.LATENCIES,
    Group.CPU: ("cpu_us_per_token",),
    Group.MEMORY: ("rss_per_stream_kib", "threads_peak"),
}


@dataclass(frozen=True, slots=True)
class _Width:
    """The ± of one figure by itself, as a share, and what shows it."""

    share: float
    cause: ConfidenceCause


def plus_minus(summary: Summary, metric: str, noise: NoiseThresholds | None = None) -> float | None:
    """Return the ± of one figure as a share of it, without shifts; ``None`` without an interval.

    ``noise`` are those of the run; without them the rounds alone decide.
    """
    width = _width(summary, metric, noise)
    return None if width is None else width.share


def confidence(summary: Summary, noise: NoiseThresholds) -> dict[Group, Confidence]:
    """Return the confidence of each group that has a deciding figure."""
    found = {}
    known = {name: summary.value(name) for name in summary}
    shifts, held_up = machine.shifts(known), machine.halted(known) or machine.starved(known)
    for group, names in DECIDING.items():
        metrics = list(dict.fromkeys(_from_schedule(summary, name) for name in names))
        present = [metric for metric in metrics if summary.value(metric) is not None]
        if not present and not (group is Group.TAIL and summary.value("ttft_p50_ms") is not None):
            continue
        widths = [width for metric in present if (width := _width(summary, metric, noise)) is not None]
        widest = max(widths, key=lambda width: width.share, default=None)
        shifted = [_over_rounds(cause, summary) for cause in shifts.get(group, ())]
        shift = math.fsum(cause.effect or 0.0 for cause in shifted)
        lacking = list(_lacking(summary, metrics, widest))
        grade = _grade(shift + (widest.share if widest else 0.0))
        if lacking and group is Group.TAIL:
            grade = Grade.LOW
        elif lacking and grade is Grade.HIGH:
            grade = Grade.MEDIUM
        causes = [*lacking, *_merged(shifted, widest, summary, group)]
        if held_up and group in machine.LATENCIES:
            grade = Grade.LOW
            causes = [cause for cause in causes if not isinstance(cause, type(held_up))]
            causes.insert(0, _over_rounds(held_up, summary))
        causes = [cause for cause in causes if cause.effect is None or cause.effect >= NEGLIGIBLE]
        found[group] = Confidence(
            group=group,
            grade=grade,
            plus_minus=None if widest is None else widest.share + shift,
            causes=() if grade is Grade.HIGH else machine.by_effect(causes),
        )
    return found


def _from_schedule(summary: Summary, name: str) -> str:
    """Return the column of the same latency from the schedule, where there is one and the load has a schedule; without
    tokens that of the bytes.
    """
    if summary.value("ttfb_p50_ms") is not None:
        name = IN_PLACE.get(name, name)
    of = name.replace("_p", "_corrected_p", 1) if name.startswith(("ttft_", "total_")) else name
    return name if summary.level.rate is None else of


def _grade(share: float) -> Grade:
    return Grade.HIGH if share <= HIGH else Grade.MEDIUM if share <= MEDIUM else Grade.LOW


def _width(summary: Summary, metric: str, noise: NoiseThresholds | None) -> _Width | None:
    """Return the wider one of the interval over the rounds and of the noise threshold."""
    found = effects.mean(rounds.values(summary, metric).values())
    if found is None or found.n is None or found.n < MIN_ROUNDS or found.high is None:
        return None
    unit = column(metric).metric.unit
    floor = FLOORS.get(unit, 0.0)
    if unit == "KiB":  # per stream
        floor = max(floor, MIN_CHANGE_KIB / summary.level.value)
    scale = max(abs(found.value), floor / HIGH)
    if not scale:
        return _Width(0.0, RoundsDiffer(metric=metric, effect=0.0))
    share = (found.high - found.value) / scale
    threshold = noise.threshold(summary.level, metric) if noise else None
    if threshold is not None:
        control = math.expm1(min(threshold, 50.0)) * abs(found.value) / scale
        if control > share:
            return _Width(control, ControlDiffers(metric=metric, effect=control))
    return _Width(share, RoundsDiffer(metric=metric, effect=share))


def _lacking(summary: Summary, metrics: Sequence[str], widest: _Width | None) -> Iterator[ConfidenceCause]:
    """Yield what is too few for an interval, or for a percentile of the tail."""
    have = len(summary.rounds)
    if column(metrics[0]).group is not Group.TAIL:  # the tail's lack of values is named below
        have = max(len(rounds.values(summary, metric)) for metric in metrics)
    if widest is None and have < MIN_ROUNDS:
        yield FewRounds(rounds=have, needed=MIN_ROUNDS)
    for metric in metrics:
        of = column(metric)
        missing = summary.value(metric) is None or summary[metric].low_sample
        if of.group is Group.TAIL and of.rank is not None and missing:
            yield FewValues(
                metric=metric, n=summary[metric].n or 0, needed=NEEDED[of.rank] * LOW_SAMPLE_FACTOR
            )


def _over_rounds(cause: ConfidenceCause, summary: Summary) -> ConfidenceCause:
    """Return the cause with the range of its figures over the rounds."""
    match cause:
        case OtherPrograms():
            low, high = _range(summary, "others_percent", cause.low * 100)
            return replace(cause, low=low / 100, high=high / 100, neighbours=summary.neighbours)
        case Hypervisor():
            low, high = _range(summary, "steal_percent", cause.low * 100)
            return replace(cause, low=low / 100, high=high / 100)
        case Halted():
            low, high = _range(summary, f"{cause.how}_percent", cause.low * 100)
            return replace(cause, low=low / 100, high=high / 100)
        case LateSimulator():
            low, high = _range(summary, f"simulator_late_p{cause.percentile}_ms", cause.low_ms)
            return replace(cause, low_ms=low, high_ms=high)
    return cause


def _range(summary: Summary, metric: str, otherwise: float) -> tuple[float, float]:
    found = rounds.values(summary, metric).values()
    return min(found, default=otherwise), max(found, default=otherwise)


def _merged(
    shifted: Sequence[ConfidenceCause], widest: _Width | None, summary: Summary, group: Group
) -> list[ConfidenceCause]:
    """Return the shifts, and why the rounds differ: what took the client's cores, or an unknown cause.

    Memory does not depend on who else ran.
    """
    causes = list(shifted)
    if widest is None or not widest.share:
        return causes
    if group is not Group.MEMORY:
        for kind, metric in ((OtherPrograms, "others_percent"), (Hypervisor, "steal_percent")):
            low, high = (share / 100 for share in _range(summary, metric, 0.0))
            if high >= TAKEN:
                known = next((cause for cause in causes if isinstance(cause, kind)), kind(low=low, high=high))
                others = [cause for cause in causes if not isinstance(cause, kind)]
                merged = replace(known, effect=(known.effect or 0.0) + widest.share)
                return [*others, _over_rounds(merged, summary)]
    return [*causes, widest.cause]

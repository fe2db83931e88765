"""How far figures can be believed, and why not further, in English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from loadgen.analysis.metrics import column
from loadgen.model import Confidence, ConfidenceCause, Grade, Group, Summary
from loadgen.model.confidence import (
    ControlDiffers,
    FewRounds,
    FewValues,
    Hypervisor,
    LateSimulator,
    OtherPrograms,
    RoundsDiffer,
)
from loadgen.report.language import _
from loadgen.report.text import number, percent, several

GROUPS = {
    Group.MEDIAN: "median latency",
    Group.TAIL: "tail latency",
    Group.CPU: "CPU and context switches",
    Group.MEMORY: "memory and threads",
}


def confidence(of: Confidence) -> str:
    """Return ``tail latency: low (±45 %)``."""
    return f"{GROUPS[of.group]}: {of.grade}" + (f" ({width(of)})" if of.plus_minus is not None else "")


def width(of: Confidence) -> str:
    """Return ``±45 %``; empty without an interval."""
    return "" if of.plus_minus is None else f"±{percent(of.plus_minus)}"


def cause(why: ConfidenceCause) -> str:
    """Return the cause as a clause, its figures in it."""
    match why:
        case OtherPrograms() | Hypervisor():
            who = "other programs used" if isinstance(why, OtherPrograms) else "the hypervisor took"
            wait = f" and kept it waiting {number(why.wait_ms)} ms each time" if why.wait_ms else ""
            return f"{who} {_range(100 * why.low, 100 * why.high)} % of the client's core{wait}"
        case LateSimulator():
            late = _range(why.low_ms, why.high_ms)
            return f"the simulator sent late, p{why.percentile} {late} ms"
        case RoundsDiffer():
            return f"{column(why.metric).label} differs between rounds for an unknown cause"
        case ControlDiffers():
            return f"{column(why.metric).label} of one client, measured twice, differs for an unknown cause"
        case FewRounds():
            return f"{several(why.rounds, 'round')} only; an interval needs {why.needed}"
        case FewValues():
            return f"{column(why.metric).label} rests on {several(why.n, 'value')}; {why.needed:,} are needed"
    raise TypeError(f"no sentence for {why}")


def _range(low: float, high: float) -> str:
    """Return ``66-87``, or one number where both are the same."""
    ends = dict.fromkeys(f"{value:.0f}" if value >= 10 else number(value) for value in (low, high))
    return "-".join(ends)


def names() -> Mapping[Group, str]:
    """Return what each group is called where room is short."""
    return {
        Group.MEDIAN: _("median latency"),
        Group.TAIL: _("p99"),
        Group.CPU: _("CPU"),
        Group.MEMORY: _("memory and threads"),
    }


def lowest(summaries: Sequence[Summary]) -> list[Confidence]:
    """Return, of each group, the confidence with the lowest grade; of equal ones that with the widest interval."""
    grades = list(Grade)
    found = ([s.confidence[group] for s in summaries if group in s.confidence] for group in Group)
    return [max(of, key=lambda c: (grades.index(c.grade), c.plus_minus or 0.0)) for of in found if of]


def strip(summaries: Sequence[Summary]) -> str:
    """Return ``Confidence: memory and threads high, TTFT medium, p99 low``: of each group its lowest grade."""
    grades: dict[Grade, list[str]] = {}
    for of in lowest(summaries):
        grades.setdefault(of.grade, []).append(names()[of.group])
    parts = [f"{', '.join(grades[grade])} {_(grade.value)}" for grade in Grade if grade in grades]
    return _("Confidence: {parts}").format(parts="; ".join(parts))


def main_cause(summaries: Sequence[Summary]) -> str:
    """Return the cause with the largest effect on any figure, over all measurements that have it; empty without one."""
    by_kind: dict[type[ConfidenceCause], list[ConfidenceCause]] = {}
    for summary in summaries:
        for of in summary.confidence.values():
            for why in of.causes:
                by_kind.setdefault(type(why), []).append(why)
    if not by_kind:
        return ""
    largest = max(by_kind.values(), key=lambda of: max(why.effect or 0.0 for why in of))
    worst = max(largest, key=lambda why: why.effect or 0.0)
    if isinstance(worst, OtherPrograms | Hypervisor):
        lows, highs = zip(
            *((w.low, w.high) for w in largest if isinstance(w, OtherPrograms | Hypervisor)), strict=True
        )
        worst = replace(worst, low=min(lows), high=max(highs))
    return cause(worst)

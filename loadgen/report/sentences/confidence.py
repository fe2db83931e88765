"""How far figures can be believed, and why not further, in English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loadgen.analysis.common import causes
from loadgen.analysis.metrics import column
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
from loadgen.report.columns import label
from loadgen.report.language import _, plural
from loadgen.report.sentences.neighbours import listed
from loadgen.report.text import clauses, joined, number, percent

GROUPS = {
    Group.MEDIAN: "median latency",
    Group.TAIL: "tail latency",
    Group.CPU: "CPU and context switches",
    Group.MEMORY: "memory and threads",
}

HALTED = {
    "stopped": "the client’s process was stopped (by a signal or a debugger) for {share} % of the time",
    "throttled": "a CPU quota (of a container or a service) kept the client from running for {share} % of the time",
}


def confidence(of: Confidence) -> str:
    """Return ``tail latency: low (±45 %)``."""
    text = _("{group}: {grade}").format(group=_(GROUPS[of.group]), grade=_(of.grade.value))
    return text + (f" ({width(of)})" if of.plus_minus is not None else "")


def width(of: Confidence) -> str:
    """Return ``±45 %``; empty without an interval."""
    return "" if of.plus_minus is None else f"±{percent(of.plus_minus)}"


def cause(why: ConfidenceCause) -> str:
    """Return the cause as a clause, its figures in it."""
    match why:
        case OtherPrograms() | Hypervisor():
            text = (
                _("other programs used {share} % of the client's core")
                if isinstance(why, OtherPrograms)
                else _("the hypervisor took {share} % of the client's core")
            )
            share = text.format(share=_range(100 * why.low, 100 * why.high))
            if isinstance(why, OtherPrograms) and why.neighbours:
                share = _("{share}: {who}").format(share=share, who=listed(why.neighbours))
            wait = _("{share}; each wait took {wait} ms")
            return wait.format(share=share, wait=number(why.wait_ms)) if why.wait_ms else share
        case Halted():
            return _(HALTED[why.how]).format(share=_range(100 * why.low, 100 * why.high))
        case LateSimulator():
            text = _("the simulator sent late, p{percentile} {late} ms")
            return text.format(percentile=why.percentile, late=_range(why.low_ms, why.high_ms))
        case RoundsDiffer():
            text = _("{metric} differs between rounds for an unknown cause")
            return text.format(metric=label(column(why.metric)))
        case ControlDiffers():
            text = _("{metric} of one client, measured twice, differs for an unknown cause")
            return text.format(metric=label(column(why.metric)))
        case FewRounds():
            return plural(
                why.rounds,
                "{n} round only; an interval needs {needed}",
                "{n} rounds only; an interval needs {needed}",
                needed=why.needed,
            )
        case FewValues():
            needed = f"{why.needed:,}"
            return plural(
                why.n,
                "{metric} rests on {n} value; {needed} are needed",
                "{metric} rests on {n} values; {needed} are needed",
                metric=label(column(why.metric)),
                needed=needed,
            )
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
    text = _("{groups} {grade}")
    parts = [
        text.format(groups=joined(grades[grade]), grade=_(grade.value)) for grade in Grade if grade in grades
    ]
    return _("Confidence: {parts}").format(parts=clauses(parts))


def main_cause(summaries: Sequence[Summary]) -> str:
    """Return the first cause of these measurements; empty where confidence is high."""
    found = causes(summaries)
    return cause(found[0]) if found else ""

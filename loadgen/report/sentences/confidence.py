"""How far figures can be believed, and why not further, in English."""

from __future__ import annotations

from loadgen.analysis.metrics import column
from loadgen.model import Confidence, ConfidenceCause, Group
from loadgen.model.confidence import (
    ControlDiffers,
    FewRounds,
    FewValues,
    Hypervisor,
    LateSimulator,
    OtherPrograms,
    RoundsDiffer,
)
from loadgen.report.text import number, percent, several

GROUPS = {
    Group.MEDIAN: "median latency",
    Group.TAIL: "tail latency",
    Group.CPU: "CPU and context switches",
    Group.MEMORY: "memory and threads",
}


def confidence(of: Confidence) -> str:
    """Return ``tail latency: low (±45 %)``."""
    width = "" if of.plus_minus is None else f" (±{percent(of.plus_minus)})"
    return f"{GROUPS[of.group]}: {of.grade}{width}"


def cause(why: ConfidenceCause) -> str:
    """Return the cause as a clause, its figures in it."""
    match why:
        case OtherPrograms() | Hypervisor():
            who = "other programs used" if isinstance(why, OtherPrograms) else "the hypervisor took"
            wait = f", which delayed it by {number(why.wait_ms)} ms each time" if why.wait_ms else ""
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
